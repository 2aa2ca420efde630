//! The lean client as the store that small functions ask for.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use satchel_core::{expiry::report::Fate, object_key::Key};
use satchel_store::{
    Condition, Document, Documents, Doomed, Inventory, Kind, Listed, Looked, Page, StoreError, Written,
};

use super::{LeanS3, LeanS3Error};

/// Objects that are deleted at once.
const DELETIONS: usize = 16;

impl Documents for LeanS3 {
    async fn get(&self, key: &Key) -> Result<Option<Document>, StoreError> {
        self.read(key.as_str()).await.map_err(|error| failed("GetObject", &error))
    }

    async fn put(&self, key: &Key, body: Bytes, condition: Condition<'_>) -> Result<Written, StoreError> {
        self.write(key.as_str(), body, condition).await.map_err(|error| failed("PutObject", &error))
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let (mut keys, mut from) = (Vec::new(), None);
        loop {
            let page = self.list(prefix, from).await?;
            keys.extend(page.entries.into_iter().map(|listed| listed.key));
            from = page.next;
            if from.is_none() {
                return Ok(keys);
            }
        }
    }
}

impl Inventory for LeanS3 {
    async fn list(&self, prefix: &str, from: Option<String>) -> Result<Page<Listed>, StoreError> {
        self.page(prefix, from.as_deref()).await.map_err(|error| failed("ListObjectsV2", &error))
    }

    async fn look(&self, key: &str) -> Result<Option<Looked>, StoreError> {
        self.head(key).await.map_err(|error| failed("HeadObject", &error))
    }

    /// One request for each.
    async fn delete(&self, doomed: &[Doomed]) -> Result<Vec<Fate>, StoreError> {
        let fates = doomed.iter().map(|doomed| self.fate(doomed.clone())).collect::<Vec<_>>();
        Ok(stream::iter(fates).buffered(DELETIONS).collect().await)
    }
}

impl LeanS3 {
    async fn fate(&self, doomed: Doomed) -> Fate {
        match self.delete_key(&doomed.key, doomed.etag.as_deref()).await {
            Ok(true) => Fate::Deleted,
            Ok(false) => Fate::Changed,
            Err(error) => Fate::Failed(error.to_string()),
        }
    }
}

fn failed(operation: &'static str, error: &LeanS3Error) -> StoreError {
    let is_full = matches!(error, LeanS3Error::Status { status: StatusCode::INSUFFICIENT_STORAGE, .. });
    let kind = if is_full { Kind::Full } else { Kind::Unavailable };
    StoreError { store: "S3", operation, cause: error.to_string(), kind }
}
