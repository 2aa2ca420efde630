//! Where this program's files are: one of the two stores there are, behind the same traits.

use std::ops::Range;

use bytes::Bytes;
use satchel_aws::storage::{Storage, objects::S3Reader, report::S3Parts};
use satchel_core::{grant::Grant, object_key::Key, upload_metadata::UploadMetadata, upload_path::UploadPath};
use satchel_store::{
    Abandoned, Appended, Begun, Body, Chunk, ChunkError, Condition, CreateError, Creation, Document, Documents, Doomed,
    Fate, Found, Incoming, Inventory, Listed, Looked, NewUpload, Objects, Page, Partial, Pieces, Promotion, Reader,
    Resumable, Sealing, Standing, StoreError, Stored, Unfinished, Upkeep, Written,
    report::{Report, TextParts},
};

use crate::files::{Files, FolderParts, Opened};

/// The folder, or a bucket elsewhere.
#[derive(Debug, Clone)]
pub enum AnyStore {
    /// This machine's.
    Folder(Files),
    /// Another S3.
    S3(Box<Storage>),
}

/// Hands a call over to the store that there is.
macro_rules! of_either {
    ($self:expr, $store:ident => $call:expr) => {
        match $self {
            AnyStore::Folder($store) => $call,
            AnyStore::S3(store) => {
                let $store = &**store;
                $call
            }
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
            // Boxed, as in all that a download waits for: the future is large, and the folder's files need none of it.
            Self::S3(store) => Box::pin(store.find(path)).await?.map(|found| read_by(found, AnyReader::S3)),
        })
    }

    async fn remove(&self, path: &UploadPath) -> Result<bool, StoreError> {
        of_either!(self, store => store.remove(path).await)
    }
}

impl Documents for AnyStore {
    async fn get(&self, key: &Key) -> Result<Option<Document>, StoreError> {
        of_either!(self, store => Documents::get(store, key).await)
    }

    async fn put(&self, key: &Key, body: Bytes, condition: Condition<'_>) -> Result<Written, StoreError> {
        of_either!(self, store => Documents::put(store, key, body, condition).await)
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        of_either!(self, store => store.keys(prefix).await)
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
            Self::S3(reader) => Box::pin(reader.read(range)).await,
        }
    }

    async fn read_later(&self, range: Range<u64>) -> Result<Pieces<StoreError>, StoreError> {
        match self {
            Self::Folder(opened) => opened.read_later(range).await,
            Self::S3(reader) => Box::pin(reader.read_later(range)).await,
        }
    }
}

impl Inventory for AnyStore {
    async fn list(&self, prefix: &str, from: Option<String>) -> Result<Page<Listed>, StoreError> {
        of_either!(self, store => store.list(prefix, from).await)
    }

    async fn look(&self, key: &str) -> Result<Option<Looked>, StoreError> {
        of_either!(self, store => store.look(key).await)
    }

    async fn delete(&self, doomed: &[Doomed]) -> Result<Vec<Fate>, StoreError> {
        of_either!(self, store => Inventory::delete(store, doomed).await)
    }
}

impl Upkeep for AnyStore {
    type Parts = AnyParts;

    async fn unfinished(&self, from: Option<&Unfinished>) -> Result<(Vec<Unfinished>, bool), StoreError> {
        of_either!(self, store => store.unfinished(from).await)
    }

    async fn stored_parts(&self, upload: &Unfinished) -> Result<u64, StoreError> {
        of_either!(self, store => store.stored_parts(upload).await)
    }

    async fn abort_unfinished(&self, upload: &Unfinished) -> Result<bool, StoreError> {
        of_either!(self, store => store.abort_unfinished(upload).await)
    }

    fn report(&self, key: Key) -> Report<AnyParts> {
        Report::new(match self {
            Self::Folder(files) => AnyParts::Folder(FolderParts::new(files.clone(), key)),
            Self::S3(storage) => AnyParts::S3(S3Parts::new(Storage::clone(storage), key)),
        })
    }
}

/// The parts of a report in either.
#[derive(Debug)]
pub enum AnyParts {
    /// In this machine's folder.
    Folder(FolderParts),
    /// In another S3.
    S3(S3Parts),
}

impl TextParts for AnyParts {
    async fn whole(self, text: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Folder(parts) => parts.whole(text).await,
            Self::S3(parts) => parts.whole(text).await,
        }
    }

    async fn part(&mut self, text: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Folder(parts) => parts.part(text).await,
            Self::S3(parts) => parts.part(text).await,
        }
    }

    async fn complete(self) -> Result<(), StoreError> {
        match self {
            Self::Folder(parts) => parts.complete().await,
            Self::S3(parts) => parts.complete().await,
        }
    }
}
