//! Totals of what is under a prefix, which every commit keeps up to date, so that asking costs nothing.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::SetOnce;

use crate::error::StoreError;
use crate::index::Snapshot;
use crate::walk::each;

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
    /// Nothing is counted yet.
    pub(crate) fn of(bucket: &str, prefix: &str) -> Self {
        Self(Arc::new(Totals {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            objects: AtomicI64::default(),
            bytes: AtomicI64::default(),
            complete: SetOnce::new(),
            ended: AtomicBool::default(),
        }))
    }

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

    /// Counts what is there at first.
    pub(crate) fn count(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
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
    pub(crate) fn keep(&self, usage: &Usage) {
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
