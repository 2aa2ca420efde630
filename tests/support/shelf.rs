//! A bucket with a clock, without a stack in front of it, and `expire` on it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_sdk_s3::Client;
use futures_util::{StreamExt, stream};
use satchel_aws::{sdk, state::State};
use satchel_core::{config::FromEnvironment, date_time, object_key::Key, time::Timestamp};
use satchel_expire::{
    ExpireConfig, Options,
    order::Order,
    report::{Summary, Tally},
};
use satchel_s3::{Requests, Server, ServerOptions, Store, StoreOptions};
use satchel_telemetry::clock::Clock;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use super::plain_s3::{BUCKET, elsewhere, s3_client};

/// When the tests begin: a full hour.
pub const NOW: u64 = 1_800_000_000;
pub const HOUR: u64 = 3_600;
pub const DAY: u64 = 86_400;

pub struct Shelf {
    pub client: Client,
    pub address: SocketAddr,
    pub requests: Requests,
    clock: Arc<AtomicU64>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    _folder: TempDir,
}

impl Shelf {
    pub async fn start() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(AtomicU64::new(NOW)));
        let time = Arc::clone(&clock);
        let millis = Arc::new(move || time.load(Ordering::SeqCst) * 1_000);
        let store =
            Store::open_with(folder.path(), StoreOptions { clock: millis, ..StoreOptions::default() }).await.unwrap();
        store.create_bucket(BUCKET).await.unwrap();
        let keys = satchel_s3::Credentials { access_key: "test".into(), secret_key: "test".into() };
        let server = Server::bind("127.0.0.1:0", store, keys, ServerOptions::default()).await.unwrap();
        let (address, requests) = (server.local_addr().unwrap(), server.requests());
        let (stop, told) = oneshot::channel::<()>();
        let served = tokio::spawn(server.serve(async { drop(told.await) }));
        let client = s3_client(&format!("http://{address}"), "test", "test");
        Self { client, address, requests, clock, stop, served, _folder: folder }
    }

    /// Ten files that are due, among files that are not.
    pub async fn mixed() -> Self {
        let shelf = Self::start().await;
        for number in 0..10 {
            shelf.file(&format!("uploads/u/due{number}"), b"hello", NOW + number).await;
            shelf.file(&format!("uploads/u/later{number}"), b"hello", NOW + DAY + number).await;
        }
        shelf.put("uploads/u/kept", b"hello", None).await;
        shelf
    }

    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.served.await.unwrap();
    }

    pub fn set_clock(&self, seconds: u64) {
        self.clock.store(seconds, Ordering::SeqCst);
    }

    /// Stores an object that says of itself when it expires.
    pub async fn put(&self, key: &str, body: &[u8], expires: Option<u64>) {
        let put = self.client.put_object().bucket(BUCKET).key(key).body(body.to_vec().into());
        let expires = expires.map(|at| [("expires".to_owned(), at.to_string())].into());
        put.set_metadata(expires).send().await.unwrap();
    }

    /// Stores an entry of the index; gives its key.
    pub async fn note(&self, expires: u64, key: &str) -> String {
        let entry = entry(expires, key);
        self.put(&entry, b"", None).await;
        entry
    }

    /// A file with its entry, as `upload` leaves them.
    pub async fn file(&self, key: &str, body: &[u8], expires: u64) {
        self.put(key, body, Some(expires)).await;
        self.note(expires, key).await;
    }

    /// Many files with their entries, a few at a time.
    pub async fn fill(&self, files: impl IntoIterator<Item = (String, u64)>) {
        let stored = files.into_iter().map(|(key, expires)| async move { self.file(&key, b"x", expires).await });
        stream::iter(stored).buffer_unordered(32).collect::<()>().await;
    }

    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let pages = self.client.list_objects_v2().bucket(BUCKET).prefix(prefix).into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
        pages.iter().flat_map(|page| page.contents()).map(|object| object.key().unwrap().to_owned()).collect()
    }

    /// What is there besides reports.
    pub async fn files(&self) -> Vec<String> {
        self.keys("").await.into_iter().filter(|key| !key.starts_with("reports/")).collect()
    }

    /// What is left of [`Self::mixed`] when all is well.
    pub async fn assert_settled(&self, name: &str) {
        let left = self.files().await;
        assert_eq!(left.len(), 21, "{name}: {left:?}");
        assert!(left.iter().all(|key| !key.contains("due")), "{name}: {left:?}");
    }

    /// The function, on this S3 or on a proxy before it.
    pub fn state(&self, address: SocketAddr, extra: &[(&'static str, String)]) -> satchel_expire::State {
        let variables = [elsewhere(&address.to_string()).as_slice(), extra].concat();
        let lookup = |name: &str| variables.iter().rfind(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let credentials = aws_credential_types::Credentials::new("test", "test", None, None, "test");
        let sdk = sdk::of_known("us-east-1", credentials, Some(&format!("http://{address}")));
        State::new(ExpireConfig::parse(lookup).unwrap(), &sdk, Clock::Fixed(Arc::clone(&self.clock)))
    }

    /// Runs at a moment.
    pub async fn run(&self, at: u64) -> Summary {
        self.set_clock(at);
        run(&self.state(self.address, &[]), false).await
    }

    /// Runs under a total limit.
    pub async fn run_within(&self, limit: u64, dry_run: bool) -> Summary {
        run(&self.state(self.address, &[("SATCHEL_MAX_TOTAL_BYTES", limit.to_string())]), dry_run).await
    }

    /// The lines of a run's report, read as JSON.
    pub async fn report(&self, summary: &Summary) -> Vec<Value> {
        let key = Key::of_report(summary.started, &summary.run);
        let got = self.client.get_object().bucket(BUCKET).key(key.as_str()).send().await.unwrap();
        let text = String::from_utf8(got.body.collect().await.unwrap().to_vec()).unwrap();
        assert!(text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// So many objects, with so many bytes together.
pub fn tally(objects: u64, bytes: u64) -> Tally {
    Tally { objects, bytes }
}

/// The key of an entry.
pub fn entry(expires: u64, key: &str) -> String {
    let at = date_time::format(Timestamp::from_seconds(expires));
    format!("expiry/{}/{}{}/{key}", &at[..13], &at[14..16], &at[17..19])
}

/// One run, whoever the function talks to.
pub async fn run(state: &satchel_expire::State, dry_run: bool) -> Summary {
    let options = Options { count_all: false, is_over: &|| false, watch: &mut |_| {} };
    Box::pin(satchel_expire::run(state, Order { dry_run }, options)).await.unwrap()
}
