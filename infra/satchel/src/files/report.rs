//! The parts of a long text in the folder.

use bytes::Bytes;
use satchel_core::object_key::Key;
use satchel_folder::{
    Described, Headers, NamedPart, PartRecord, StoreError as FolderError, UploadAddress, WriteCondition,
};
use satchel_store::{
    StoreError,
    report::{CONTENT_TYPE, TextParts},
};
use sha2::{Digest, Sha256};

use super::{
    bucket::{Files, failed},
    objects::tag,
};

/// One text's. What is not completed goes as other unfinished uploads do.
#[derive(Debug)]
pub struct FolderParts {
    files: Files,
    key: Key,
    upload: Option<UploadAddress>,
    parts: Vec<NamedPart>,
}

impl FolderParts {
    /// Those of the text at this key.
    #[must_use]
    pub fn new(files: Files, key: Key) -> Self {
        Self { files, key, upload: None, parts: Vec::new() }
    }

    async fn put(self, text: Bytes) -> Result<(), FolderError> {
        let body = self.files.take(text).await?;
        let described = Described { etag: tag(body.sha256, 1), checksum: None, headers: headers() };
        let put = self.files.store.put(self.files.at(&self.key), described, body, WriteCondition::default());
        put.await.map(|_| ())
    }

    async fn put_part(&mut self, text: Bytes) -> Result<(), FolderError> {
        let upload = self.upload().await?;
        let number = u32::try_from(self.parts.len() + 1).unwrap_or(u32::MAX);
        let body = self.files.take(text).await?;
        let described = Described { etag: tag(body.sha256, 1), checksum: None, headers: Headers::default() };
        let PartRecord { etag, .. } = self.files.store.put_part(upload, number, described, body).await?;
        self.parts.push(NamedPart { number, etag });
        Ok(())
    }

    async fn upload(&mut self) -> Result<UploadAddress, FolderError> {
        if let Some(upload) = &self.upload {
            return Ok(upload.clone());
        }
        let object = self.files.at(&self.key);
        let id = self.files.store.begin_upload(object.clone(), headers(), None, false).await?;
        let upload = UploadAddress { object, id };
        self.upload = Some(upload.clone());
        Ok(upload)
    }

    async fn put_together(self) -> Result<(), FolderError> {
        let Self { files, upload, parts, .. } = self;
        let Some(upload) = upload else { return Ok(()) };
        let of_parts = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(&part.etag)).finalize();
        let etag = format!("{}-{}", hex::encode(&of_parts[..16]), parts.len());
        let describe = move |_: &_, _: &[&PartRecord]| Ok(Described { etag, checksum: None, headers: headers() });
        let completed = files.store.complete_upload(upload, parts, WriteCondition::default(), describe);
        completed.await.map(|_| ())
    }
}

impl TextParts for FolderParts {
    async fn whole(self, text: Bytes) -> Result<(), StoreError> {
        self.put(text).await.map_err(|error| of_report(&error))
    }

    async fn part(&mut self, text: Bytes) -> Result<(), StoreError> {
        self.put_part(text).await.map_err(|error| of_report(&error))
    }

    async fn complete(self) -> Result<(), StoreError> {
        self.put_together().await.map_err(|error| of_report(&error))
    }
}

fn headers() -> Headers {
    Headers { content_type: Some(CONTENT_TYPE.to_owned()), ..Headers::default() }
}

fn of_report(error: &FolderError) -> StoreError {
    failed("report", error)
}
