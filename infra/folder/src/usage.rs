//! How much there is under a prefix, asked or walked through.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::error::StoreError;
use crate::folder::Store;
use crate::record::ObjectHead;
use crate::tables::Tables;
use crate::totals::{Stock, Usage};
use crate::walk::{CHUNK, each};

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

impl Store {
    /// Keeps the totals of a prefix from now on. What is there already is counted in the background, once.
    ///
    /// # Errors
    /// The store is closed, or cannot write.
    pub async fn usage(&self, bucket: &str, prefix: &str) -> Result<Usage, StoreError> {
        let usage = Usage::of(bucket, prefix);
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
