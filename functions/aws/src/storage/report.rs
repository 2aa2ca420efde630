//! A text written line by line into one object, whatever its length: part by part once it gets long.

use aws_sdk_s3::{
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use satchel_core::object_key::Key;

use super::{Storage, StorageError, bulk::patient, failed};

/// The least that S3 takes as a part that is not the last (AWS: "Amazon S3 multipart upload limits").
const PART_BYTES: usize = 5 * 1024 * 1024;
/// JSON lines.
const CONTENT_TYPE: &str = "application/x-ndjson";

/// A report that is being written. Nothing of it can be read before [`Report::finish`]; one that is dropped leaves
/// nothing but parts for the lifecycle rule.
#[derive(Debug)]
pub struct Report {
    storage: Storage,
    key: Key,
    text: Vec<u8>,
    upload: Option<String>,
    parts: Vec<CompletedPart>,
}

impl satchel_store::Report for Report {
    fn add(&mut self, line: &str) {
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
    }

    async fn flush(&mut self) -> Result<(), StorageError> {
        if self.text.len() >= PART_BYTES { self.send_part().await } else { Ok(()) }
    }

    async fn finish(mut self) -> Result<(), StorageError> {
        if self.upload.is_none() {
            let storage = &self.storage;
            let put = storage.client.put_object().bucket(&*storage.bucket).key(self.key.as_str());
            let put = put.content_type(CONTENT_TYPE).body(ByteStream::from(self.text)).customize();
            let put = put.config_override(patient()).send().await;
            return put.map(|_| ()).map_err(|error| failed("PutObject", &error));
        }
        if !self.text.is_empty() {
            self.send_part().await?;
        }
        self.complete().await
    }
}

impl Report {
    /// An empty report.
    pub(super) fn new(storage: Storage, key: Key) -> Self {
        Self { storage, key, text: Vec::new(), upload: None, parts: Vec::new() }
    }

    async fn send_part(&mut self) -> Result<(), StorageError> {
        let id = match &self.upload {
            Some(id) => id.clone(),
            None => self.begin().await?,
        };
        let text = Bytes::from(std::mem::take(&mut self.text));
        match self.upload_part(id, text.clone()).await {
            Ok(part) => self.parts.push(part),
            Err(error) => {
                self.text = text.into();
                return Err(error);
            }
        }
        Ok(())
    }

    async fn upload_part(&self, id: String, text: Bytes) -> Result<CompletedPart, StorageError> {
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let storage = &self.storage;
        let part = storage.client.upload_part().bucket(&*storage.bucket).key(self.key.as_str()).upload_id(id);
        let part = part.part_number(number).body(ByteStream::from(text)).customize();
        let sent = part.config_override(patient()).send().await.map_err(|error| failed("UploadPart", &error))?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
    }

    async fn begin(&mut self) -> Result<String, StorageError> {
        let storage = &self.storage;
        let create = storage.client.create_multipart_upload().bucket(&*storage.bucket).key(self.key.as_str());
        let create = create.content_type(CONTENT_TYPE).customize().config_override(patient()).send().await;
        let id = create.map_err(|error| failed("CreateMultipartUpload", &error))?.upload_id.unwrap_or_default();
        self.upload = Some(id.clone());
        Ok(id)
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
