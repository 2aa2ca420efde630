//! An S3 that fails when it is told to.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{plain_s3::PlainS3, relay};

/// Which requests fail: a word that has to be in the first line, such as `PUT /satchel/rosters/b`.
type Failing = Arc<Mutex<Vec<String>>>;

/// An S3 with a gate before it that answers some requests with 500.
pub struct GatedS3 {
    pub address: SocketAddr,
    s3: PlainS3,
    failing: Failing,
    served: JoinHandle<()>,
}

impl GatedS3 {
    pub async fn start() -> Self {
        let s3 = PlainS3::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (failing, behind) = (Failing::default(), s3.address());
        let failing_here = Arc::clone(&failing);
        let served = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, behind, Arc::clone(&failing_here)));
            }
        });
        Self { address, s3, failing, served }
    }

    /// From now on these requests fail, and no others.
    pub fn fail(&self, requests: &[&str]) {
        *self.failing.lock().unwrap() = requests.iter().map(|&request| request.to_owned()).collect();
    }

    pub async fn stop(self) {
        self.served.abort();
        self.s3.stop().await;
    }
}

async fn pass(mut stream: TcpStream, behind: SocketAddr, failing: Failing) {
    let Some((head, body)) = relay::read(&mut stream).await else { return };
    let line = head.lines().next().unwrap().to_owned();
    if failing.lock().unwrap().iter().any(|request| line.contains(request)) {
        let refusal = "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(refusal.as_bytes()).await;
        return;
    }
    if let Some(answer) = relay::pass(behind, &head, &body).await {
        let _ = stream.write_all(&answer).await;
    }
}
