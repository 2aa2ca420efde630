//! Where this program's files are: one of the two stores there are, behind the same traits.

use std::ops::Range;

use satchel_aws::storage::{Storage, objects::S3Reader};
use satchel_core::{grant::Grant, resume::upload_metadata::UploadMetadata, upload_path::UploadPath};
use satchel_store::{
    Abandoned, Appended, Begun, Body, Chunk, ChunkError, CreateError, Creation, Found, Incoming, NewUpload, Objects,
    Partial, Pieces, Promotion, Reader, Resumable, Sealing, Standing, StoreError, Stored,
};

use crate::files::{Files, Opened};

/// The folder, or a bucket elsewhere.
#[derive(Debug, Clone)]
pub enum AnyStore {
    /// This machine's.
    Folder(Files),
    /// Another S3.
    S3(Storage),
}

/// Hands a call over to the store that there is.
macro_rules! of_either {
    ($self:expr, $store:ident => $call:expr) => {
        match $self {
            AnyStore::Folder($store) => $call,
            AnyStore::S3($store) => $call,
        }
    };
}

impl Objects for AnyStore {
    type Reader = AnyReader;

    async fn create(&self, upload: &NewUpload, body: Body) -> Result<Creation, CreateError> {
        of_either!(self, store => Objects::create(store, upload, body).await)
    }

    async fn head(&self, path: &UploadPath) -> Result<Option<Stored>, StoreError> {
        of_either!(self, store => Objects::head(store, path).await)
    }

    async fn find(&self, path: &UploadPath) -> Result<Option<Found<AnyReader>>, StoreError> {
        Ok(match self {
            Self::Folder(store) => {
                store.find(path).await?.map(|found| read_by(found, |opened| AnyReader::Folder(Box::new(opened))))
            }
            Self::S3(store) => store.find(path).await?.map(|found| read_by(found, AnyReader::S3)),
        })
    }

    async fn remove(&self, path: &UploadPath) -> Result<bool, StoreError> {
        of_either!(self, store => store.remove(path).await)
    }
}

impl Sealing for AnyStore {
    async fn incoming(&self, path: &UploadPath) -> Result<Vec<Incoming>, StoreError> {
        of_either!(self, store => store.incoming(path).await)
    }

    async fn promote(&self, incoming: &Incoming) -> Result<Promotion, StoreError> {
        of_either!(self, store => store.promote(incoming).await)
    }

    async fn discard(&self, grant: &Grant) -> Result<(), StoreError> {
        of_either!(self, store => store.discard(grant).await)
    }
}

impl Resumable for AnyStore {
    async fn begin(&self, grant: &Grant, said: &UploadMetadata, first: Chunk) -> Result<Begun, ChunkError> {
        of_either!(self, store => store.begin(grant, said, first).await)
    }

    async fn standing(&self, upload: Partial<'_>) -> Result<Standing, StoreError> {
        of_either!(self, store => store.standing(upload).await)
    }

    async fn append(&self, upload: Partial<'_>, offset: u64, chunk: Chunk) -> Result<Appended, ChunkError> {
        of_either!(self, store => store.append(upload, offset, chunk).await)
    }

    async fn abandon(&self, upload: Partial<'_>) -> Result<Abandoned, StoreError> {
        of_either!(self, store => store.abandon(upload).await)
    }
}

fn read_by<R>(found: Found<R>, reader: impl FnOnce(R) -> AnyReader) -> Found<AnyReader> {
    Found { stored: found.stored, sealed: found.sealed, reader: reader(found.reader) }
}

/// Reads a file of either.
#[derive(Debug, Clone)]
pub enum AnyReader {
    /// In this machine's folder.
    Folder(Box<Opened>),
    /// In another S3.
    S3(S3Reader),
}

impl Reader for AnyReader {
    async fn read(&self, range: Range<u64>) -> Result<Pieces<StoreError>, StoreError> {
        match self {
            Self::Folder(opened) => opened.read(range).await,
            Self::S3(reader) => reader.read(range).await,
        }
    }
}
