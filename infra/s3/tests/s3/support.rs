//! A server on a folder of its own and a port of its own, clients for it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials as SdkCredentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use satchel_s3::{Credentials, Requests, Server, ServerOptions, Store, StoreOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const BUCKET: &str = "satchel-test";
pub const ACCESS_KEY: &str = "AKIDSATCHEL";
pub const SECRET_KEY: &str = "a secret that signs";

pub struct Fixture {
    pub dir: tempfile::TempDir,
    pub addr: SocketAddr,
    pub store: Store,
    pub client: Client,
    pub requests: Requests,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Fixture {
    /// A server with one empty bucket.
    pub async fn start() -> Self {
        Self::with(ServerOptions::default()).await
    }

    pub async fn with(options: ServerOptions) -> Self {
        let fixture = Self::on(tempfile::tempdir().unwrap(), options).await;
        fixture.client.create_bucket().bucket(BUCKET).send().await.unwrap();
        fixture
    }

    /// A server on a folder that may hold something already.
    pub async fn on(dir: tempfile::TempDir, options: ServerOptions) -> Self {
        let store = Store::open(dir.path()).await.unwrap();
        Self::serving(dir, store, options).await
    }

    /// A server with one empty bucket, for which it is as late as `clock` says, in milliseconds since 1970.
    pub async fn at(clock: &Arc<AtomicU64>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::clone(clock);
        let options = StoreOptions { clock: Arc::new(move || clock.load(Ordering::SeqCst)), ..StoreOptions::default() };
        let store = Store::open_with(dir.path(), options).await.unwrap();
        let fixture = Self::serving(dir, store, ServerOptions::default()).await;
        fixture.client.create_bucket().bucket(BUCKET).send().await.unwrap();
        fixture
    }

    async fn serving(dir: tempfile::TempDir, store: Store, options: ServerOptions) -> Self {
        let server = Server::bind("127.0.0.1:0", store.clone(), credentials(), options).await.unwrap();
        let addr = server.local_addr().unwrap();
        let requests = server.requests();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(async {
            let _ = stopped.await;
        }));
        Self { dir, addr, store, client: client(addr), requests, stop, serving }
    }

    /// Stops the server and closes the store; the folder stays.
    pub async fn stop(self) -> tempfile::TempDir {
        let _ = self.stop.send(());
        self.serving.await.unwrap();
        self.store.close().await.unwrap();
        self.dir
    }

    pub async fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        let body = ByteStream::from(body.into());
        self.client.put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
    }

    pub async fn get(&self, key: &str) -> Vec<u8> {
        let got = self.client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        got.body.collect().await.unwrap().to_vec()
    }

    /// Sends bytes as they are and gives the answer.
    pub async fn raw(&self, request: &str) -> Answer {
        self.raw_bytes(request.as_bytes()).await
    }

    pub async fn raw_bytes(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request).await.unwrap();
        Answer::read(&mut stream).await
    }

    /// All files in the blob folders.
    pub fn files(&self) -> Vec<PathBuf> {
        blob_files(self.dir.path())
    }
}

pub fn blob_files(dir: &Path) -> Vec<PathBuf> {
    let shards = std::fs::read_dir(dir.join("blobs")).unwrap().map(|shard| shard.unwrap().path());
    let files = shards.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    // What a copy or a multipart object says about itself is beside its bytes.
    files.filter(|file| file.extension().is_none()).collect()
}

pub fn credentials() -> Credentials {
    Credentials { access_key: ACCESS_KEY.into(), secret_key: SECRET_KEY.into() }
}

pub fn client(addr: SocketAddr) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(SdkCredentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .region(Region::new("eu-central-1"))
        .endpoint_url(format!("http://{addr}"))
        .force_path_style(true)
        // A retry would hide what the first answer was.
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// An answer read from a socket up to its end.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a header");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The status of an SDK call: 200 where it succeeded.
pub fn status<T, E>(result: &Result<T, SdkError<E>>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(error) => error.raw_response().map(|response| response.status().as_u16()).unwrap_or_default(),
    }
}

/// S3's code of an SDK call that failed.
pub fn code<T, E: ProvideErrorMetadata>(result: &Result<T, SdkError<E>>) -> String {
    let error = result.as_ref().err().and_then(SdkError::as_service_error);
    error.and_then(|error| error.code().map(str::to_owned)).unwrap_or_default()
}

/// Fails a test that waits for something that never comes. Generous: it decides about hanging, not about speed.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it never happened")
}

/// Bytes that differ from place to place, so that a shifted range shows.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// A small generator with a seed that failures can be repeated with.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}
