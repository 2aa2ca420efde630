//! The S3 of a measurement: Satchel's own server on a folder in memory, which counts what it is asked.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use satchel_aws::{
    presign::{Presigner, Validity},
    sdk,
};
use satchel_core::{config::S3Config, object_key::Key, retention::Retention, time::Timestamp};
use satchel_s3::{Credentials, Requests, Server, ServerOptions, Store};
use tempfile::TempDir;
use tokio::{net::TcpStream, runtime::Runtime, sync::oneshot, task::JoinHandle};
use url::Url;

use crate::error::BenchError;

const BUCKET: &str = "files";
const REGION: &str = "us-east-1";
const KEY: &str = "measured";
const HOUR: u64 = 3_600;

/// A running server, and its folder.
pub struct S3<'a> {
    runtime: &'a Runtime,
    address: SocketAddr,
    requests: Requests,
    presigner: Presigner,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    store: Store,
    _folder: TempDir,
}

impl<'a> S3<'a> {
    /// Starts a server with an empty bucket.
    ///
    /// # Errors
    /// No folder, no port.
    pub fn start(runtime: &'a Runtime) -> Result<Self, BenchError> {
        let folder = in_memory()?;
        let (server, store, address) = runtime.block_on(bind(folder.path()))?;
        let requests = server.requests();
        let (stop, told) = oneshot::channel();
        let served = runtime.spawn(server.serve(async { drop(told.await) }));
        let credentials = aws_credential_types::Credentials::new(KEY, KEY, None, None, KEY);
        let sdk = sdk::of_known(REGION, credentials, Some(&format!("http://{address}")));
        let presigner = Presigner::new(&config(), &sdk);
        Ok(Self { runtime, address, requests, presigner, stop, served, store, _folder: folder })
    }

    /// The variables by which functions find it.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SATCHEL_BUCKET", BUCKET.to_owned()),
            ("SATCHEL_S3_PATH_STYLE", "true".to_owned()),
            ("AWS_ENDPOINT_URL_S3", format!("http://{}", self.address)),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
        ]
    }

    /// The bucket's name, as events have it.
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// Stores `body` under each of `keys`; gives its ETag.
    ///
    /// # Errors
    /// A PUT fails.
    pub fn put(&self, keys: &[Key], body: &Bytes) -> Result<String, BenchError> {
        self.runtime.block_on(self.put_all(keys, body)).map_err(BenchError::S3)
    }

    async fn put_all(&self, keys: &[Key], body: &Bytes) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut etag = String::new();
        for key in keys {
            etag = self.put_one(&mut sender, key, body.clone()).await?;
        }
        Ok(etag)
    }

    async fn put_one(
        &self,
        sender: &mut SendRequest<Full<Bytes>>,
        key: &Key,
        body: Bytes,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let url: Url = self.presigned_put(key, body.len() as u64).await?.parse()?;
        let request = Request::put(&url[url::Position::BeforePath..]).header("Host", self.address.to_string());
        sender.ready().await?;
        let (parts, answer) = sender.send_request(request.body(Full::new(body))?).await?.into_parts();
        let answer = answer.collect().await?.to_bytes();
        if !parts.status.is_success() {
            return Err(format!("{} {}", parts.status, String::from_utf8_lossy(&answer)).into());
        }
        let etag = parts.headers.get("etag").and_then(|etag| etag.to_str().ok()).unwrap_or_default();
        Ok(etag.trim_matches('"').to_owned())
    }

    async fn presigned_put(&self, key: &Key, length: u64) -> Result<String, satchel_aws::presign::PresignError> {
        let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let validity = Validity { from: Timestamp::from_seconds(at), seconds: HOUR };
        Ok(self.presigner.put(key.as_str(), length, None, validity).await?.as_str().to_owned())
    }

    /// What it has been asked since it started, by operation.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.requests.by_operation()
    }

    /// Ends it, so that nothing of it runs beside what comes next.
    ///
    /// # Errors
    /// The store cannot be closed.
    pub fn stop(self) -> Result<(), BenchError> {
        let Self { runtime, stop, served, store, .. } = self;
        runtime.block_on(async {
            // Neither can fail unless the server has ended already.
            let _ = stop.send(());
            let _ = served.await;
            store.close().await.map_err(|error| BenchError::S3(error.into()))
        })
    }
}

/// The measurement is not about the disk.
fn in_memory() -> Result<TempDir, BenchError> {
    let folder = Path::new("/dev/shm");
    let usable = fs::metadata(folder).is_ok_and(|folder| folder.is_dir());
    let made = if usable { tempfile::tempdir_in(folder) } else { tempfile::tempdir() };
    Ok(made?)
}

async fn bind(folder: &Path) -> Result<(Server, Store, SocketAddr), BenchError> {
    let store = Store::open(folder).await.map_err(|error| BenchError::S3(error.into()))?;
    store.create_bucket(BUCKET).await.map_err(|error| BenchError::S3(error.into()))?;
    let credentials = Credentials { access_key: KEY.to_owned(), secret_key: KEY.to_owned() };
    let server = Server::bind("127.0.0.1:0", store.clone(), credentials, ServerOptions::default()).await?;
    let address = server.local_addr()?;
    Ok((server, store, address))
}

fn config() -> S3Config {
    S3Config { bucket: BUCKET.to_owned(), public_endpoint: None, path_style: true, retention: Retention::default() }
}
