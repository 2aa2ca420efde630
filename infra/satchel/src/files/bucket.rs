//! The bucket that the files are in, and what its errors mean to whoever asks for a file.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use satchel_core::{
    config::S3Config, content_type::ContentType, expiry::Entry, grant::Grant, metadata::Metadata, object_key::Key,
    retention::Retention, time::Timestamp, upload_path::UploadPath,
};
use satchel_folder::{Address, Body, ObjectHead, Refusal, Store, StoreError as FolderError};
use satchel_store::{Kind, StoreError, Stored};
use satchel_telemetry::clock::Clock;
use tokio::task::spawn_blocking;

/// The files in one bucket of a folder. What is stored through it is in its place at once: nothing waits to be sealed.
#[derive(Debug, Clone)]
pub struct Files {
    pub(super) store: Store,
    pub(super) bucket: Arc<str>,
    pub(super) retention: Retention,
    pub(super) clock: Clock,
}

impl Files {
    /// Those of the bucket of `config`, which must exist. The clock says which files need an entry in the index of
    /// expiries.
    #[must_use]
    pub fn new(store: Store, config: &S3Config, clock: Clock) -> Self {
        Self { store, bucket: config.bucket.as_str().into(), retention: config.retention, clock }
    }

    pub(super) fn at(&self, key: &Key) -> Address {
        Address { bucket: self.bucket.to_string(), key: key.as_str().to_owned() }
    }

    pub(super) fn look(&self, path: &UploadPath) -> Result<Option<ObjectHead>, StoreError> {
        absent(self.store.head(&self.at(&Key::of_upload(path)))).map_err(|error| failed("lookup", &error))
    }

    /// Where the entry of a file in the index of expiries is, if it needs one.
    pub(super) fn entry_of(&self, grant: &Grant) -> Option<Address> {
        Entry::of(grant, &self.retention, self.clock.now()).map(|entry| self.at(&entry.key()))
    }

    /// Asks the index for much, on a thread that may block.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        operation: &'static str,
        ask: impl FnOnce(&Store, &str) -> Result<T, FolderError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (store, bucket) = (self.store.clone(), Arc::clone(&self.bucket));
        let asked = spawn_blocking(move || ask(&store, &bucket)).await;
        asked.map_err(FolderError::from).flatten().map_err(|error| failed(operation, &error))
    }

    /// Takes bytes in that are here.
    pub(super) async fn take(&self, bytes: Bytes) -> Result<Body, FolderError> {
        let length = bytes.len() as u64;
        let (body, ()) = self.store.receive(stream::iter([Ok::<_, FolderError>(bytes)]), length, ()).await?;
        Ok(body)
    }

    /// Says whether there was one.
    pub(super) async fn drop_key(&self, key: &Key) -> Result<bool, StoreError> {
        match absent(self.store.head(&self.at(key))) {
            Ok(None) => Ok(false),
            Ok(Some(_)) => {
                self.store.delete(self.at(key), None).await.map_err(|error| failed("deletion", &error))?;
                Ok(true)
            }
            Err(error) => Err(failed("lookup", &error)),
        }
    }
}

/// What a store error is called here.
pub(super) const FOLDER: &str = "the data folder's";

/// Not being there is no error.
pub(super) fn absent<T>(found: Result<T, FolderError>) -> Result<Option<T>, FolderError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(FolderError::Refused(Refusal::NoSuchKey)) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn failed(operation: &'static str, error: &FolderError) -> StoreError {
    let kind = match error {
        FolderError::Damaged { .. } => Kind::Damaged,
        error if error.is_full() => Kind::Full,
        _ => Kind::Unavailable,
    };
    StoreError { store: FOLDER, operation, cause: error.to_string(), kind }
}

pub(super) fn stored(head: &ObjectHead) -> Stored {
    let content_type = head.headers.content_type.as_deref().unwrap_or_default();
    Stored {
        size: head.size,
        content_type: ContentType::parse(content_type).unwrap_or_default(),
        metadata: Metadata::read(|name| head.headers.metadata.get(name).map(String::as_str)),
        modified: Timestamp::from_seconds(head.modified / 1_000),
        etag: format!("\"{}\"", head.etag),
    }
}
