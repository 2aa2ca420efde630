//! A stack of one's own for every test, a client that changes nothing it is told to send, and tokens.

pub mod component;
pub mod emf;
pub mod lines;
pub mod proxy;
pub mod rosters;
pub mod shelf;
pub mod stores;
pub mod template;
pub mod tokens;

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use bytes::Bytes;
use lines::Lines;
use satchel::{
    health::Check,
    journal::Sink,
    settings::Settings,
    stack::{Options, Stack},
};
use satchel_aws::{
    sdk::{self, SdkConfig},
    storage::{PATIENCE, Storage},
};
use satchel_core::{
    config::{FromEnvironment, S3Config},
    head::RawHead,
    upload_path::UploadPath,
};
use satchel_folder::Query;
use satchel_listener::Address;
use satchel_telemetry::clock::Clock;
use satchel_upload::UploadConfig;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub const SECRET: &str = "it-is-secret";
pub const BUCKET: &str = "satchel";

/// What a function gets to see of an event.
pub fn invoked(event: &Value) -> (RawHead, Bytes) {
    satchel_lambda::event::read(satchel_lambda::received::request(&event.to_string()).unwrap())
}

/// A running stack in a folder that goes with it.
pub struct World {
    pub stack: Stack,
    pub lines: Lines,
    settings: Settings,
    clock: Option<Arc<AtomicU64>>,
    folder: TempDir,
    /// Its own, where it is over another S3 than the folder.
    beside: Option<PlainS3>,
}

/// An S3 beside the stack, as AWS is: nothing tells the stack what arrives there, so it seals on demand only.
pub struct PlainS3 {
    address: std::net::SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
    requests: satchel_s3::Requests,
    _folder: TempDir,
}

impl PlainS3 {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = satchel_s3::Store::open(folder.path()).await.unwrap();
        store.create_bucket(BUCKET).await.unwrap();
        let keys = satchel_s3::Credentials { access_key: "test".into(), secret_key: "test".into() };
        let server = satchel_s3::Server::bind("127.0.0.1:0", store, keys, satchel_s3::ServerOptions::default());
        let server = server.await.unwrap();
        let (address, requests) = (server.local_addr().unwrap(), server.requests());
        let (stop, told) = tokio::sync::oneshot::channel::<()>();
        let served = tokio::spawn(server.serve(async { drop(told.await) }));
        Self { address, stop, served, requests, _folder: folder }
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.total()
    }

    /// Requests of one operation so far.
    pub fn count(&self, operation: &str) -> u64 {
        self.requests.count(operation)
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// The environment of functions on it.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        elsewhere(&self.address.to_string())
    }

    /// A stack on it.
    pub async fn world(&self, variables: Vec<(&'static str, String)>) -> World {
        self.world_with(Setup { variables, ..Setup::default() }).await
    }

    /// The same, set up differently.
    pub async fn world_with(&self, mut setup: Setup) -> World {
        setup.variables.extend(elsewhere(&self.address.to_string()));
        World::with(setup).await
    }

    /// Functions on it that do as on AWS: bodies come in events.
    pub async fn world_as_on_aws(&self) -> World {
        self.world_with(Setup { strict_aws: true, ..Setup::default() }).await
    }

    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.served.await.unwrap();
    }
}

/// The environment of a stack whose S3 is at `address`.
pub fn elsewhere(address: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL_S3", format!("http://{address}")),
        ("SATCHEL_S3_PATH_STYLE", "true".into()),
        ("SATCHEL_BUCKET", BUCKET.into()),
        ("AWS_REGION", "us-east-1".into()),
        ("AWS_ACCESS_KEY_ID", "test".into()),
        ("AWS_SECRET_ACCESS_KEY", "test".into()),
    ]
}

/// How a stack differs from the ordinary one.
#[derive(Default)]
pub struct Setup {
    pub variables: Vec<(&'static str, String)>,
    /// With an S3 server on the folder.
    pub s3: bool,
    pub strict_aws: bool,
    pub now: Option<u64>,
    pub s3_patience: Option<Duration>,
    pub check: Option<Check>,
}

/// An ordinary stack on a free port.
pub fn options(data: &Path, settings: Settings) -> Options {
    Options {
        listen: Address::Tcp(([127, 0, 0, 1], 0).into()),
        s3_listen: None,
        data: data.to_owned(),
        strict_aws: false,
        settings,
        clock: Clock::System,
        expire_every: None,
        check: None,
        s3_patience: PATIENCE,
        log: Sink::new(|_| {}),
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// With an S3 server on the folder, for tests that do what S3 tools and slots that lead to S3 do.
    pub async fn with_s3() -> Self {
        Self::with(Setup { s3: true, ..Setup::default() }).await
    }

    /// Functions that do as on AWS: bodies come in events, downloads are redirected to S3.
    pub async fn as_on_aws() -> Self {
        Self::with(Setup { strict_aws: true, ..Setup::default() }).await
    }

    /// A stack over an S3 of its own beside it.
    pub async fn over_s3(setup: Setup) -> Self {
        let s3 = PlainS3::start().await;
        let world = s3.world_with(setup).await;
        Self { beside: Some(s3), ..world }
    }

    pub async fn with(setup: Setup) -> Self {
        Self::in_folder(setup, tempfile::tempdir().unwrap()).await
    }

    async fn in_folder(setup: Setup, folder: TempDir) -> Self {
        let mut variables = vec![("SATCHEL_UPLOAD_SECRETS", format!("new secret\n{SECRET}"))];
        variables.extend(setup.variables);
        let lookup = |name: &str| variables.iter().rfind(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let settings = Settings::load(folder.path(), lookup).unwrap();
        let (lines, sink) = Lines::of(&settings);
        let clock = setup.now.map(|now| Arc::new(AtomicU64::new(now)));
        let ordinary = options(folder.path(), settings.clone());
        let stack = Stack::start(Options {
            s3_listen: setup.s3.then_some(([127, 0, 0, 1], 0).into()),
            strict_aws: setup.strict_aws,
            clock: clock.clone().map_or(Clock::System, Clock::Fixed),
            check: setup.check,
            s3_patience: setup.s3_patience.unwrap_or(ordinary.s3_patience),
            log: sink,
            ..ordinary
        })
        .await
        .unwrap();
        Self { stack, lines, settings, clock, folder, beside: None }
    }

    /// Stops the stack and starts another on the same folder.
    pub async fn restart(self) -> Self {
        self.restart_with(Setup::default()).await
    }

    /// The same, set up differently.
    pub async fn restart_with(self, mut setup: Setup) -> Self {
        let Self { folder, beside, .. } = self;
        self.stack.stop().await;
        setup.variables.extend(beside.iter().flat_map(PlainS3::variables));
        Self { beside, ..Self::in_folder(setup, folder).await }
    }

    pub async fn stop(self) {
        self.stack.stop().await;
        if let Some(s3) = self.beside {
            s3.stop().await;
        }
    }

    pub fn set_clock(&self, seconds: u64) {
        self.clock.as_ref().unwrap().store(seconds, Ordering::Relaxed);
    }

    /// Requests to the S3 beside it so far.
    pub fn s3_requests(&self) -> u64 {
        self.beside.as_ref().unwrap().requests()
    }

    /// Sends a request to the gateway.
    pub async fn send(&self, request: &Request) -> Answer {
        request.send_to(&self.stack.address().to_string()).await
    }

    pub async fn put(&self, target: &str, body: &[u8]) -> Answer {
        self.send(&Request::new("PUT", target).body(body)).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send(&Request::new("GET", target)).await
    }

    /// Stores a file with a v1 token.
    pub async fn store(&self, path: &str, body: &[u8]) {
        let answer = self.put(&tokens::v1(path, body.len()), body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    /// What a recipient gets, be it after a redirect.
    pub async fn fetch(&self, target: &str) -> Answer {
        follow(&self.get(target).await, "GET", &[]).await
    }

    /// The keys there are, under a prefix.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let Some(store) = self.stack.store() else {
            let listed = self.s3().list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
            return listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect();
        };
        let query = Query { prefix: prefix.to_owned(), limit: 1_000, ..Query::default() };
        let listed = store.list_objects(BUCKET, &query).unwrap();
        listed.entries.into_iter().map(|(key, _)| key).collect()
    }

    /// What is stored with an object besides its bytes.
    pub async fn metadata(&self, key: &str) -> HashMap<String, String> {
        let Some(store) = self.stack.store() else {
            let head = self.s3().head_object().bucket(BUCKET).key(key).send().await.unwrap();
            return head.metadata.unwrap_or_default();
        };
        let at = satchel_folder::Address { bucket: BUCKET.to_owned(), key: key.to_owned() };
        store.head(&at).unwrap().headers.metadata.into_iter().collect()
    }

    /// Deletes an object past the functions.
    pub async fn remove(&self, key: &str) {
        let Some(store) = self.stack.store() else {
            self.s3().delete_object().bucket(BUCKET).key(key).send().await.unwrap();
            return;
        };
        let at = satchel_folder::Address { bucket: BUCKET.to_owned(), key: key.to_owned() };
        store.delete(at, None).await.unwrap();
    }

    /// How many uploads are under way.
    pub async fn unfinished(&self) -> usize {
        match self.stack.store() {
            None => self.s3().list_multipart_uploads().bucket(BUCKET).send().await.unwrap().uploads().len(),
            Some(store) => {
                store.list_uploads(BUCKET, &Query { limit: 1_000, ..Query::default() }, None).unwrap().entries.len()
            }
        }
    }

    /// Whether nothing at all is stored.
    pub async fn is_empty(&self) -> bool {
        self.keys("").await.is_empty()
    }

    pub fn s3_endpoint(&self) -> String {
        let own = self.stack.s3_address().map(|address| format!("http://{address}"));
        let endpoint = own.unwrap_or_else(|| self.variable("AWS_ENDPOINT_URL_S3"));
        assert!(!endpoint.is_empty(), "this world has no S3: set it up with one");
        endpoint
    }

    /// The S3, past the functions.
    pub fn s3(&self) -> Client {
        let credentials = self.settings.credentials();
        s3_client(&self.s3_endpoint(), credentials.access_key_id(), credentials.secret_access_key())
    }

    /// A variable of the functions' environment.
    pub fn variable(&self, name: &str) -> String {
        self.settings.get(name).to_owned()
    }

    /// AWS's settings, as the functions have them.
    pub fn sdk(&self) -> SdkConfig {
        sdk::of_known("us-east-1", self.settings.credentials(), Some(&self.s3_endpoint()))
    }

    /// The same by way of another address.
    pub fn sdk_by_way_of(&self, address: &str) -> SdkConfig {
        sdk::of_known("us-east-1", self.settings.credentials(), Some(&format!("http://{address}")))
    }

    /// The functions' own adapter to it.
    pub fn storage(&self) -> Storage {
        Storage::new(&self.s3_config(), &self.sdk())
    }

    fn s3_config(&self) -> S3Config {
        UploadConfig::parse(|name| Some(self.variable(name))).unwrap().s3
    }
}

/// The SDK's own client, as it comes.
pub fn s3_client(endpoint: &str, access_key: &str, secret_key: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .force_path_style(true);
    Client::from_conf(config.build())
}

pub fn path(decoded: &str) -> UploadPath {
    UploadPath::parse_decoded(decoded).unwrap()
}

/// A request that goes out as it is written here: no normalised path, no added header but Host, Connection and,
/// with a body, Content-Length.
#[derive(Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(self, body: &[u8]) -> Self {
        let length = body.len().to_string();
        Self { body: body.to_vec(), ..self }.header("Content-Length", length)
    }

    /// A body that goes out as it is, whatever the headers say about it.
    pub fn raw_body(self, body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..self }
    }

    pub fn head(&self, host: &str) -> Vec<u8> {
        let lines: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (method, target) = (&self.method, &self.target);
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n").into_bytes()
    }

    /// All of it.
    pub fn to_bytes(&self, host: &str) -> Vec<u8> {
        [self.head(host), self.body.clone()].concat()
    }

    pub async fn send_to(&self, host: &str) -> Answer {
        self.send_as(host, host).await
    }

    /// The same under another Host.
    pub async fn send_as(&self, address: &str, host: &str) -> Answer {
        let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
        let (head, body) = (self.head(host), self.body.clone());
        // A refusal may come, and the connection end, while the body is still being sent.
        let sending = tokio::spawn(async move {
            let _ = writer.write_all(&head).await;
            let _ = writer.write_all(&body).await;
            writer
        });
        let answer = Answer::read(&mut reader).await;
        sending.abort();
        answer
    }
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads to the end of the connection.
    pub async fn read(reader: &mut (impl AsyncReadExt + Unpin)) -> Self {
        let mut bytes = Vec::new();
        let _ = reader.read_to_end(&mut bytes).await;
        Self::parse(&bytes).unwrap_or_else(|| panic!("no answer in {:?}", String::from_utf8_lossy(&bytes)))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let mut lines = head.split("\r\n");
        let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        if status == 100 {
            return Self::parse(&bytes[end + 4..]);
        }
        let field = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Some(Self { status, headers: lines.filter_map(field).collect(), body: bytes[end + 4..].to_vec() })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The `code` of a problem document, whose form is checked on the way.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        assert!(problem["detail"].as_str().unwrap().len() > 10 && problem["title"].is_string(), "{problem}");
        problem["code"].as_str().unwrap().to_owned()
    }

    pub fn location(&self) -> url::Url {
        assert_eq!(self.status, 307, "{self:?}");
        self.header("location").unwrap().parse().unwrap()
    }
}

/// Follows a redirect as a client would, with headers of one's own. A file that came at once is what there is.
pub async fn follow(answer: &Answer, method: &str, headers: &[(&str, &str)]) -> Answer {
    follow_with(answer, method, headers, &[]).await
}

/// The same with a body.
pub async fn follow_with(answer: &Answer, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    if answer.status == 200 && method == "GET" && headers.is_empty() {
        return answer.clone();
    }
    let url = answer.location();
    let target = &url[url::Position::BeforePath..];
    let mut request = Request::new(method, target);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    if method == "PUT" {
        request = request.body(body);
    }
    request.send_to(&format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())).await
}

/// Bytes that differ from place to place.
pub fn bytes(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).take(length).collect()
}
