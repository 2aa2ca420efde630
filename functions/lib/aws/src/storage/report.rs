//! The parts of a long text in S3.

use aws_sdk_s3::{
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use satchel_core::object_key::Key;
use satchel_store::report::{CONTENT_TYPE, TextParts};

use super::{Storage, StorageError, bulk::patient, failed};

/// One text's. What is not completed is the lifecycle rule's.
#[derive(Debug)]
pub struct S3Parts {
    storage: Storage,
    key: Key,
    upload: Option<String>,
    parts: Vec<CompletedPart>,
}

impl S3Parts {
    /// Those of the text at this key.
    #[must_use]
    pub fn new(storage: Storage, key: Key) -> Self {
        Self { storage, key, upload: None, parts: Vec::new() }
    }

    async fn upload(&mut self) -> Result<String, StorageError> {
        if let Some(id) = &self.upload {
            return Ok(id.clone());
        }
        let storage = &self.storage;
        let create = storage.client.create_multipart_upload().bucket(&*storage.bucket).key(self.key.as_str());
        let create = create.content_type(CONTENT_TYPE).customize().config_override(patient()).send().await;
        let id = create.map_err(|error| failed("CreateMultipartUpload", &error))?.upload_id.unwrap_or_default();
        self.upload = Some(id.clone());
        Ok(id)
    }
}

impl TextParts for S3Parts {
    async fn whole(self, text: Bytes) -> Result<(), StorageError> {
        let put = self.storage.client.put_object().bucket(&*self.storage.bucket).key(self.key.as_str());
        let put = put.content_type(CONTENT_TYPE).body(ByteStream::from(text)).customize();
        let put = put.config_override(patient()).send().await;
        put.map(|_| ()).map_err(|error| failed("PutObject", &error))
    }

    async fn part(&mut self, text: Bytes) -> Result<(), StorageError> {
        let id = self.upload().await?;
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let storage = &self.storage;
        let part = storage.client.upload_part().bucket(&*storage.bucket).key(self.key.as_str()).upload_id(id);
        let part = part.part_number(number).body(ByteStream::from(text)).customize();
        let sent = part.config_override(patient()).send().await.map_err(|error| failed("UploadPart", &error))?;
        self.parts.push(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
        Ok(())
    }

    async fn complete(self) -> Result<(), StorageError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts)).build();
        let Self { storage, key, upload, .. } = self;
        let complete = storage.client.complete_multipart_upload().bucket(&*storage.bucket).key(key.as_str());
        let complete = complete.set_upload_id(upload).multipart_upload(parts).customize();
        let completed = complete.config_override(patient()).send().await;
        completed.map(|_| ()).map_err(|error| failed("CompleteMultipartUpload", &error))
    }
}
