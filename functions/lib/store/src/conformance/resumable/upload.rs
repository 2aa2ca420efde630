//! An upload under way, and what is sent.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use satchel_core::{grant::Grant, upload_metadata::UploadMetadata, upload_path::UploadPath};

use crate::{
    PartialName,
    conformance::subjects,
    error::BodyError,
    objects::{Body, Objects},
    resumable::{Appended, Begun, Chunk, ChunkError, Partial, Resumable, Standing},
};

/// Grants an upload, each time another one.
pub(super) fn grant(path: &str, size: usize) -> Grant {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    subjects::grant(path, size as u64, NUMBER.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn bytes(length: usize) -> Bytes {
    subjects::bytes(length, 0)
}

/// A body that comes in pieces, and to its end or not.
pub(super) fn streamed(bytes: &Bytes, broken: Option<BodyError>) -> Body {
    subjects::pieces(bytes, 70_000, broken)
}

pub(super) async fn read(store: &impl Objects, path: &UploadPath) -> Option<Bytes> {
    subjects::read(store, path.as_str()).await
}

/// An upload under way.
pub(super) struct Upload<'a, S> {
    pub(super) store: &'a S,
    pub(super) grant: Grant,
    pub(super) name: PartialName,
}

impl<'a, S: Objects + Resumable> Upload<'a, S> {
    pub(super) async fn begin(store: &'a S, path: &str, size: usize) -> Self {
        let grant = grant(path, size);
        match store.begin(&grant, &UploadMetadata::default(), Chunk::whole(Bytes::new())).await.unwrap() {
            Begun::Unfinished { name, offset: 0 } => Self { store, grant, name },
            begun => panic!("{path}: {begun:?}"),
        }
    }

    pub(super) fn partial(&self) -> Partial<'_> {
        Partial { grant: &self.grant, name: Some(&self.name) }
    }

    pub(super) async fn append(&self, offset: usize, chunk: Chunk) -> Result<Appended, ChunkError> {
        self.store.append(self.partial(), offset as u64, chunk).await
    }

    /// Adds what must be taken.
    pub(super) async fn add(&self, whole: &Bytes, range: Range<usize>) {
        let appended = self.append(range.start, Chunk::whole(whole.slice(range.clone()))).await.unwrap();
        assert!(
            matches!(appended, Appended::Stored { offset, .. } if offset == range.end as u64),
            "{}: {range:?} {appended:?}",
            self.grant.path
        );
    }

    pub(super) async fn standing(&self) -> Standing {
        self.store.standing(self.partial()).await.unwrap()
    }

    /// Bytes there are.
    pub(super) async fn offset(&self) -> u64 {
        match self.standing().await {
            Standing::Unfinished { offset, .. } => offset,
            standing => panic!("{}: {standing:?}", self.grant.path),
        }
    }

    pub(super) async fn file(&self) -> Option<Bytes> {
        read(self.store, &self.grant.path).await
    }
}
