//! An S3 beside the program, as AWS is, and the SDK's own client of any S3.

use std::net::SocketAddr;

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

/// The bucket of every test.
pub const BUCKET: &str = "satchel";

/// An S3 beside the stack, as AWS is: nothing tells the stack what arrives there, so it seals on demand only.
pub struct PlainS3 {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
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
        let (stop, told) = oneshot::channel::<()>();
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

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The environment of functions on it.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        elsewhere(&self.address.to_string())
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
