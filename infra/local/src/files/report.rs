//! A text written line by line into the folder, whatever its length: part by part once it gets long.

use bytes::Bytes;
use satchel_core::object_key::Key;
use satchel_folder::{
    Described, Headers, MIN_PART_BYTES, NamedPart, PartRecord, StoreError as FolderError, UploadAddress, WriteCondition,
};
use satchel_store::StoreError;
use sha2::{Digest, Sha256};

use super::{Files, failed, objects::tag};

/// JSON lines.
const CONTENT_TYPE: &str = "application/x-ndjson";

/// A report that is being written. One that is dropped leaves parts, which go as other unfinished uploads do.
#[derive(Debug)]
pub struct Report {
    files: Files,
    key: Key,
    text: Vec<u8>,
    upload: Option<UploadAddress>,
    parts: Vec<NamedPart>,
}

impl satchel_store::Report for Report {
    fn add(&mut self, line: &str) {
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        if self.text.len() as u64 >= MIN_PART_BYTES {
            self.send_part().await.map_err(|error| failed("report", &error))
        } else {
            Ok(())
        }
    }

    async fn finish(mut self) -> Result<(), StoreError> {
        let finished = match self.upload.take() {
            None => self.as_one().await,
            Some(upload) => self.complete(upload).await,
        };
        finished.map_err(|error| failed("report", &error))
    }
}

impl Report {
    pub(super) fn new(files: Files, key: Key) -> Self {
        Self { files, key, text: Vec::new(), upload: None, parts: Vec::new() }
    }

    async fn as_one(&mut self) -> Result<(), FolderError> {
        let body = self.files.take(Bytes::from(std::mem::take(&mut self.text))).await?;
        let described = Described { etag: tag(body.sha256, 1), checksum: None, headers: headers() };
        let put = self.files.store.put(self.files.at(&self.key), described, body, WriteCondition::default());
        put.await.map(|_| ())
    }

    async fn send_part(&mut self) -> Result<(), FolderError> {
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => self.begin().await?,
        };
        let text = Bytes::from(std::mem::take(&mut self.text));
        match self.put_part(upload, text.clone()).await {
            Ok(part) => self.parts.push(part),
            Err(error) => {
                self.text = text.into();
                return Err(error);
            }
        }
        Ok(())
    }

    async fn put_part(&self, upload: UploadAddress, text: Bytes) -> Result<NamedPart, FolderError> {
        let number = u32::try_from(self.parts.len() + 1).unwrap_or(u32::MAX);
        let body = self.files.take(text).await?;
        let described = Described { etag: tag(body.sha256, 1), checksum: None, headers: Headers::default() };
        let PartRecord { etag, .. } = self.files.store.put_part(upload, number, described, body).await?;
        Ok(NamedPart { number, etag })
    }

    async fn begin(&mut self) -> Result<UploadAddress, FolderError> {
        let object = self.files.at(&self.key);
        let id = self.files.store.begin_upload(object.clone(), headers(), None, false).await?;
        let upload = UploadAddress { object, id };
        self.upload = Some(upload.clone());
        Ok(upload)
    }

    async fn complete(mut self, upload: UploadAddress) -> Result<(), FolderError> {
        if !self.text.is_empty() {
            let text = Bytes::from(std::mem::take(&mut self.text));
            let part = self.put_part(upload.clone(), text).await?;
            self.parts.push(part);
        }
        let of_parts = self.parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(&part.etag)).finalize();
        let etag = format!("{}-{}", hex::encode(&of_parts[..16]), self.parts.len());
        let describe = move |_: &_, _: &[&PartRecord]| Ok(Described { etag, checksum: None, headers: headers() });
        let completed = self.files.store.complete_upload(upload, self.parts, WriteCondition::default(), describe);
        completed.await.map(|_| ())
    }
}

fn headers() -> Headers {
    Headers { content_type: Some(CONTENT_TYPE.to_owned()), ..Headers::default() }
}
