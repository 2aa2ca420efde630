//! Small documents: an object each, replaced where it is still what was read.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use satchel_core::object_key::Key;
use satchel_folder::{Described, Headers, Refusal, StoreError as FolderError, WriteCondition};
use satchel_store::{Condition, Document, Documents, StoreError, Written, keys_in};

use super::{
    bucket::{Files, absent, failed},
    objects::tag,
};

impl Documents for Files {
    async fn get(&self, key: &Key) -> Result<Option<Document>, StoreError> {
        self.read(key).await.map_err(|error| failed("reading", &error))
    }

    async fn put(&self, key: &Key, body: Bytes, condition: Condition<'_>) -> Result<Written, StoreError> {
        let condition = match condition {
            Condition::Absent => WriteCondition { absent: true, matches: None },
            Condition::Matches(etag) => WriteCondition { absent: false, matches: Some(etag.to_owned()) },
        };
        match self.write(key, body, condition).await {
            Ok(()) => Ok(Written::Done),
            Err(FolderError::Refused(Refusal::PreconditionFailed { .. } | Refusal::NoSuchKey)) => Ok(Written::Changed),
            Err(error) => Err(failed("write", &error)),
        }
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        keys_in(self, prefix).await
    }
}

impl Files {
    async fn read(&self, key: &Key) -> Result<Option<Document>, FolderError> {
        let Some(found) = absent(self.store.find(&self.at(key)))? else { return Ok(None) };
        let (etag, size) = (found.head().etag.clone(), found.head().size);
        let body = self.store.read(found, 0..size).await?;
        let body = body.try_fold(BytesMut::new(), |mut body, piece| {
            body.extend_from_slice(&piece);
            std::future::ready(Ok(body))
        });
        Ok(Some(Document { body: body.await?.freeze(), etag }))
    }

    async fn write(&self, key: &Key, body: Bytes, condition: WriteCondition) -> Result<(), FolderError> {
        let body = self.take(body).await?;
        let described = Described { etag: tag(body.sha256, 1), checksum: None, headers: Headers::default() };
        self.store.put(self.at(key), described, body, condition).await.map(|_| ())
    }
}
