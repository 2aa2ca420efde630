//! A small proxy in front of an S3, which lets requests pass, answers them itself, or never.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_sdk_s3::Client;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

use super::{plain_s3::BUCKET, relay};

/// What becomes of a request.
pub enum Fault {
    /// Nothing: it passes.
    Pass,
    /// The proxy answers with a status and S3's code.
    Refuse(u16, &'static str),
    /// The proxy answers a DeleteObjects: no to the keys that hold this text, with this code; the rest is deleted.
    RefuseKeys(&'static str, &'static str),
    /// It is done whatever its condition says, if it is a PutObject; all else passes.
    Unconditional,
    /// It never gets an answer.
    Hang,
}

pub struct Proxy {
    pub address: SocketAddr,
    /// Told of each request that hangs.
    pub hung: Arc<Notify>,
    served: JoinHandle<()>,
}

type Script = Arc<dyn Fn(usize, &str) -> Fault + Send + Sync>;

impl Proxy {
    /// Decides about each request by its number, from 1, and its request line.
    pub async fn start(
        s3: SocketAddr,
        client: Client,
        script: impl Fn(usize, &str) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, hung) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (script, told): (Script, _) = (Arc::new(script), Arc::clone(&hung));
        let served = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, counter, told) = (Arc::clone(&script), Arc::clone(&requests), Arc::clone(&told));
                tokio::spawn(serve(stream, s3, client.clone(), script, counter, told));
            }
        });
        Self { address, hung, served }
    }

    pub fn stop(self) {
        self.served.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    s3: SocketAddr,
    client: Client,
    script: Script,
    requests: Arc<AtomicUsize>,
    hung: Arc<Notify>,
) {
    let Some((head, body)) = relay::read(&mut stream).await else { return };
    let number = requests.fetch_add(1, Ordering::SeqCst) + 1;
    let answer = match script(number, head.lines().next().unwrap_or_default()) {
        Fault::Pass => relay::pass(s3, &head, &body).await.unwrap(),
        Fault::Refuse(status, code) => answer(status, &format!("<Error><Code>{code}</Code></Error>")),
        Fault::RefuseKeys(part, code) => answer(200, &delete(&client, &body, part, code).await),
        Fault::Unconditional if head.to_lowercase().contains("\r\nif-none-match: ") => put(&client, &head, body).await,
        Fault::Unconditional => relay::pass(s3, &head, &body).await.unwrap(),
        Fault::Hang => {
            hung.notify_one();
            // Until the client gives up.
            let _ = stream.read_u8().await;
            return;
        }
    };
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

fn answer(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n");
    format!("{head}Connection: close\r\n\r\n{body}").into_bytes()
}

/// Signed anew, as the condition is among what was signed.
async fn put(client: &Client, head: &str, body: Vec<u8>) -> Vec<u8> {
    let target = head.split(' ').nth(1).unwrap().split('?').next().unwrap();
    let path = percent_encoding::percent_decode_str(target).decode_utf8().unwrap();
    let key = path.strip_prefix(&format!("/{BUCKET}/")).unwrap();
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let fields: Vec<_> = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let content_type = fields.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.clone());
    let metadata =
        fields.into_iter().filter_map(|(name, value)| Some((name.strip_prefix("x-amz-meta-")?.into(), value)));
    let put = client.put_object().bucket(BUCKET).key(key).set_content_type(content_type).body(body.into());
    put.set_metadata(Some(metadata.collect())).send().await.unwrap();
    answer(200, "")
}

/// Deletes what it may; says so, and no to the rest, as S3 does (AWS: "DeleteObjects").
async fn delete(client: &Client, body: &[u8], part: &str, code: &str) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    let keys = text.split("<Key>").skip(1).map(|rest| rest.split_once("</Key>").unwrap().0.to_owned());
    let mut outcomes = String::new();
    for key in keys {
        if key.contains(part) {
            outcomes += &format!("<Error><Key>{key}</Key><Code>{code}</Code><Message>no</Message></Error>");
        } else {
            client.delete_object().bucket(BUCKET).key(&key).send().await.unwrap();
            outcomes += &format!("<Deleted><Key>{key}</Key></Deleted>");
        }
    }
    format!("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{outcomes}</DeleteResult>")
}
