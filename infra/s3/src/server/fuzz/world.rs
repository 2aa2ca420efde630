//! A server without its sockets, on a folder with something to lose in it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::HeaderMap;
use s3s::S3Result;
use s3s::access::{S3Access, S3AccessContext};
use s3s::crypto::{Checksum as _, Md5};
use s3s::service::S3ServiceBuilder;
use satchel_folder::{Address, Described, Headers, Query as Listing, Store, WriteCondition};

use satchel_listener::Patience;

use super::wire::{BUCKET, Wire};
use crate::api::Api;
use crate::server::cors::Cors;
use crate::server::credentials::Credentials;
use crate::server::gate::Gate;
use crate::server::requests::Requests;
use crate::server::service::Service;

/// The MD5 of `hello`.
pub(super) const HELLO: &str = "5d41402abc4b2a76b9719d911017c592";
const SECRET: &str = "whom the victim knows";

/// A presigned request, and what must be so once it was answered without an error.
pub(super) struct Case {
    pub(super) wire: Wire,
    pub(super) operation: &'static str,
    pub(super) key: Option<&'static str>,
    pub(super) judge: fn(&World, &Answered),
}

pub(super) struct Answered {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) partial: bool,
}

pub(super) type Seen = Arc<Mutex<Option<(String, Option<String>)>>>;

/// Notes what s3s takes a signed request for.
pub(super) struct Witness {
    gate: Gate,
    seen: Seen,
}

#[async_trait]
impl S3Access for Witness {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let key = cx.s3_path().get_object_key().map(str::to_owned);
        if cx.credentials().is_some() {
            *self.seen.lock().unwrap() = Some((cx.s3_op().name().to_owned(), key));
        }
        self.gate.check(cx).await
    }
}

pub(super) struct World {
    _dir: tempfile::TempDir,
    pub(super) store: Store,
    service: Service,
    seen: Seen,
}

impl World {
    pub(super) async fn new() -> Self {
        // In memory where there is such a place: each of many thousand writes is synced.
        let shared = std::path::Path::new("/dev/shm");
        let dir = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        store.create_bucket(BUCKET).await.unwrap();
        let seen = Seen::default();
        let mut builder = S3ServiceBuilder::new(Api { store: store.clone(), region: "us-east-1".to_owned() });
        builder.set_auth(Credentials { access_key: "AK".into(), secret_key: "hush".into() });
        builder.set_access(Witness { gate: Gate { requests: Requests::default() }, seen: Arc::clone(&seen) });
        let cors = Cors { store: store.clone(), default: Vec::new() };
        let service = Service { s3: builder.build(), cors, idle: Patience::default().idle };
        let world = Self { _dir: dir, store, service, seen };
        for (key, text) in [("uploads/open", "hello"), ("uploads/there", "first"), ("rosters/victim", SECRET)] {
            world.put(key, text).await;
        }
        world
    }

    async fn put(&self, key: &str, text: &'static str) {
        let body = futures_util::stream::iter([Ok::<_, s3s::StdError>(bytes::Bytes::from_static(text.as_bytes()))]);
        let (body, ()) = self.store.receive(body, text.len() as u64, ()).await.unwrap();
        let etag = hex::encode(Md5::checksum(text.as_bytes()));
        let described = Described { etag, ..Described::default() };
        self.store.put(at(key), described, body, WriteCondition::default()).await.unwrap();
    }

    pub(super) fn stored(&self, key: &str) -> (String, Headers) {
        let head = self.store.head(&at(key)).unwrap();
        (head.etag, head.headers)
    }

    /// Sends a request and judges its answer.
    pub(super) async fn send(&self, case: &Case, wire: &Wire) -> Option<u16> {
        let request = wire.request()?;
        let head = request.method() == http::Method::HEAD;
        *self.seen.lock().unwrap() = None;
        let mut response = self.service.answer(request).await;
        let status = response.status().as_u16();
        let body = response.body_mut().store_all_limited(1 << 20).await.unwrap().to_vec();
        // Also where it is refused later: the next request of this kind may not be.
        let seen = self.seen.lock().unwrap().take();
        let signed = (case.operation.to_owned(), case.key.map(str::to_owned));
        assert!(seen.as_ref().is_none_or(|seen| *seen == signed), "{status}: {seen:?} for {signed:?}");
        if status >= 400 {
            let text = String::from_utf8_lossy(&body);
            assert!(head || text.contains("<Code>") && text.contains("<Message>"), "{status} {text}");
            assert!(!text.contains("InternalError"), "{text}");
            return Some(status);
        }
        if wire.method == "OPTIONS" {
            return Some(status);
        }
        assert!(seen.is_some(), "{status}");
        let answered = Answered { headers: response.headers().clone(), body, partial: status == 206 };
        if status != 304 {
            (case.judge)(self, &answered);
        }
        Some(status)
    }

    /// Whatever was asked, nothing else has changed.
    pub(super) async fn check(&self) {
        let all = Listing { prefix: String::new(), delimiter: String::new(), after: None, limit: 100 };
        let keys = self.store.list_objects(BUCKET, &all).unwrap().entries.into_iter().map(|(key, _)| key);
        let expected = ["incoming/digest", "incoming/slot", "rosters/victim", "uploads/open", "uploads/there"];
        assert_eq!(keys.collect::<Vec<_>>(), expected);
        for (key, md5) in [("uploads/open", HELLO), ("uploads/there", "8b04d5e3775d298e78455efc5ca404d5")] {
            assert_eq!(self.stored(key), (md5.to_owned(), Headers::default()), "{key}");
        }
        assert_eq!(self.stored("rosters/victim").1, Headers::default());
        let bucket = self.store.bucket(BUCKET).unwrap();
        assert!(bucket.cors.is_none() && bucket.lifecycle.is_none());
        assert_eq!(self.store.buckets().unwrap().len(), 1);
    }
}

fn at(key: &str) -> Address {
    Address { bucket: BUCKET.to_owned(), key: key.to_owned() }
}
