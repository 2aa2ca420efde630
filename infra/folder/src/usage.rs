//! What there is under a prefix: totals that every commit keeps up to date, so that asking costs nothing, and walks over
//! all of it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::SetOnce;
use tokio::task::spawn_blocking;

use crate::Store;
use crate::error::StoreError;
use crate::index::Snapshot;
use crate::record::ObjectHead;
use crate::tables::Tables;

/// Totals of the objects under a prefix, as of the last commit. Clones share them.
#[derive(Debug, Clone)]
pub struct Usage(Arc<Totals>);

#[derive(Debug)]
struct Totals {
    bucket: String,
    prefix: String,
    objects: AtomicI64,
    bytes: AtomicI64,
    /// What was there at first has been counted.
    complete: SetOnce<()>,
    ended: AtomicBool,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An object, as a walk sees it.
#[derive(Debug)]
pub struct Listed<'a> {
    /// Its key, decoded.
    pub key: &'a str,
    /// In bytes.
    pub size: u64,
    /// Milliseconds since 1970.
    pub modified: u64,
    /// As it was stored.
    pub content_type: Option<&'a str>,
    /// `x-amz-meta-*` without the prefix.
    pub metadata: &'a BTreeMap<String, String>,
}

/// What a commit has changed about one key.
#[derive(Debug)]
pub(crate) struct Change {
    pub bucket: String,
    pub key: String,
    pub objects: i64,
    pub bytes: i64,
}

impl Change {
    /// From one size, or nothing, to another.
    pub(crate) fn of(bucket: &str, key: &str, before: Option<u64>, after: Option<u64>) -> Self {
        let count = |size: Option<u64>| i64::from(size.is_some());
        let bytes = |size: Option<u64>| size.map_or(0, |size| i64::try_from(size).unwrap_or(i64::MAX));
        let (objects, bytes) = (count(after) - count(before), bytes(after) - bytes(before));
        Self { bucket: bucket.to_owned(), key: key.to_owned(), objects, bytes }
    }
}

impl Usage {
    /// The totals; `None` while what was there at first is still being counted.
    #[must_use]
    pub fn now(&self) -> Option<Stock> {
        self.0.complete.initialized().then(|| self.read())
    }

    /// The totals, once what was there at first has been counted.
    pub async fn counted(&self) -> Stock {
        self.0.complete.wait().await;
        self.read()
    }

    fn read(&self) -> Stock {
        let read = |total: &AtomicI64| u64::try_from(total.load(Ordering::Relaxed)).unwrap_or_default();
        Stock { objects: read(&self.0.objects), bytes: read(&self.0.bytes) }
    }

    fn add(&self, objects: i64, bytes: i64) {
        self.0.objects.fetch_add(objects, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn count(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let (mut objects, mut bytes) = (0, 0);
        each(snapshot, &self.0.bucket, &self.0.prefix, |_, head| {
            objects += 1;
            bytes += i64::try_from(head.size).unwrap_or(i64::MAX);
            if self.0.ended.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        self.add(objects, bytes);
        if !self.0.ended.load(Ordering::Relaxed) {
            // Set nowhere else, and once.
            let _ = self.0.complete.set(());
        }
        Ok(())
    }
}

/// The totals that are kept, as long as somebody may ask for them.
#[derive(Debug, Default)]
pub(crate) struct Usages(Mutex<Vec<Weak<Totals>>>);

impl Usages {
    fn keep(&self, usage: &Usage) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&usage.0));
    }

    /// Takes in what a commit has changed.
    pub(crate) fn apply(&self, changes: &[Change]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|totals| {
            let Some(usage) = totals.upgrade().map(Usage) else { return false };
            for change in changes {
                if change.bucket == usage.0.bucket && change.key.starts_with(&usage.0.prefix) {
                    usage.add(change.objects, change.bytes);
                }
            }
            true
        });
    }

    /// Ends what is still counting.
    pub(crate) fn end(&self) {
        for totals in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Some(totals) = totals.upgrade() {
                totals.ended.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Store {
    /// Keeps the totals of a prefix from now on. What is there already is counted in the background, once.
    ///
    /// # Errors
    /// The store is closed, or cannot write.
    pub async fn usage(&self, bucket: &str, prefix: &str) -> Result<Usage, StoreError> {
        let usage = Usage(Arc::new(Totals {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            objects: AtomicI64::default(),
            bytes: AtomicI64::default(),
            complete: SetOnce::new(),
            ended: AtomicBool::default(),
        }));
        let (kept, usages, readers) = (usage.clone(), Arc::clone(self.usages()), Arc::clone(self.readers()));
        // Within the writer's transaction nothing is committed between the snapshot and the first change taken in.
        let begin = move |_: &mut Tables<'_>| {
            let snapshot = readers.snapshot()?;
            // A snapshot begins with its first read.
            snapshot.rows().get::<i64>("generation")?;
            usages.keep(&kept);
            Ok(Ok(snapshot))
        };
        let snapshot = self.writer().apply(begin).await?;
        let counted = usage.clone();
        // An index that cannot be read is reported by the requests that need it.
        let count = move || drop(counted.count(&snapshot));
        std::thread::Builder::new().name("store-count".into()).spawn(count)?;
        Ok(usage)
    }

    /// Shows `visit` every object under a prefix, in the order of the keys, with `memory` to keep what it wants.
    ///
    /// # Errors
    /// The store is closed, or cannot be read.
    pub async fn walk<M: Send + 'static>(
        &self,
        bucket: &str,
        prefix: &str,
        mut memory: M,
        visit: fn(&mut M, &Listed<'_>),
    ) -> Result<M, StoreError> {
        let (bucket, prefix, snapshot) = (bucket.to_owned(), prefix.to_owned(), self.snapshot()?);
        let walk = move || {
            each(&snapshot, &bucket, &prefix, |key, head| {
                visit(&mut memory, &listed(key, head));
                ControlFlow::Continue(())
            })?;
            Ok(memory)
        };
        spawn_blocking(walk).await?
    }
}

impl Store {
    /// The uploads of a bucket that grow and are no objects yet, and their bytes.
    ///
    /// # Errors
    /// The store is closed, or cannot be read.
    pub async fn under_way(&self, bucket: &str) -> Result<Stock, StoreError> {
        let (bucket, snapshot) = (bucket.to_owned(), self.snapshot()?);
        spawn_blocking(move || {
            let (mut stock, mut last) = (Stock { objects: 0, bytes: 0 }, (String::new(), String::new()));
            loop {
                let from = (last.0.as_bytes(), last.1.as_str());
                let mut uploads = snapshot.rows().uploads_from(&bucket, from, false, CHUNK)?;
                for (_, id, upload) in &uploads {
                    if upload.as_ref().is_some_and(|upload| upload.whole.is_some()) {
                        let parts = snapshot.rows().parts(id, 0, usize::MAX)?;
                        stock.objects += 1;
                        stock.bytes += parts.iter().map(|(_, part)| part.size).sum::<u64>();
                    }
                }
                match uploads.pop() {
                    Some((key, id, _)) => last = (key, id),
                    None => return Ok(stock),
                }
            }
        })
        .await?
    }
}

fn listed<'a>(key: &'a str, head: &'a ObjectHead) -> Listed<'a> {
    let content_type = head.headers.content_type.as_deref();
    Listed { key, size: head.size, modified: head.modified, content_type, metadata: &head.headers.metadata }
}

/// Objects that are read at once.
const CHUNK: usize = 1000;

/// Every object under a prefix that can be read, until `visit` has seen enough.
fn each(
    snapshot: &Snapshot,
    bucket: &str,
    prefix: &str,
    mut visit: impl FnMut(&str, &ObjectHead) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let mut chunk = snapshot.rows().objects_from(bucket, prefix.as_bytes(), true, CHUNK)?;
    while let Some((last, _)) = chunk.last() {
        let last = last.clone();
        for (key, head) in chunk {
            let seen_enough = !key.starts_with(prefix) || head.is_some_and(|head| visit(&key, &head).is_break());
            if seen_enough {
                return Ok(());
            }
        }
        chunk = snapshot.rows().objects_from(bucket, last.as_bytes(), false, CHUNK)?;
    }
    Ok(())
}
