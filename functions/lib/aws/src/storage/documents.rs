//! Small documents in S3.

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use satchel_core::object_key::Key;
use satchel_store::{Condition, Document, Documents, Written, keys_in};

use super::{Storage, StorageError, error::OfS3, failed, status};

impl Documents for Storage {
    async fn get(&self, key: &Key) -> Result<Option<Document>, StorageError> {
        let got = match self.client.get_object().bucket(&*self.bucket).key(key.as_str()).send().await {
            Ok(got) => got,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(failed("GetObject", &error)),
        };
        let etag = got.e_tag.unwrap_or_default();
        let body = got.body.collect().await.map_err(|error| StorageError::of("GetObject", error.to_string()))?;
        Ok(Some(Document { body: body.into_bytes(), etag }))
    }

    async fn put(&self, key: &Key, body: Bytes, condition: Condition<'_>) -> Result<Written, StorageError> {
        let put = self.client.put_object().bucket(&*self.bucket).key(key.as_str()).body(ByteStream::from(body));
        let put = match condition {
            Condition::Absent => put.if_none_match("*"),
            Condition::Matches(etag) => put.if_match(etag),
        };
        match put.send().await {
            Ok(_) => Ok(Written::Done),
            // 409 where two conditional writes meet; 404 where the object has gone (AWS: "Conditional requests"). An attempt
            // that is repeated meets its own condition.
            Err(error) if matches!(status(&error), Some(404 | 409 | 412)) => Ok(Written::Changed),
            Err(error) => Err(failed("PutObject", &error)),
        }
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        keys_in(self, prefix).await
    }
}
