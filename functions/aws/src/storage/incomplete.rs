//! The incomplete-part object of a resumable upload: the bytes that make no part yet, and the one truth about how far
//! the upload is, replaced only where nobody else has replaced it.

use std::collections::HashMap;

use bytes::{Buf, Bytes};
use satchel_core::{
    grant::UploadId,
    object_key::Key,
    resume::{progress::Progress, upload_metadata::UploadMetadata},
};

use super::{CONFLICT_TRIES, Storage, StorageError, back_off, failed, pieces::Pieces, status};
use crate::{
    clock,
    s3_client::{DEADLINE, within},
};

/// Every version begins with so many random bytes. S3's ETags are over the body alone: without them all versions in
/// which nothing waits would have the same one, and a late request could take one for the other.
const REVISION_BYTES: usize = 16;

const REVISION: &str = "revision";
const CLIENT_METADATA: &str = "metadata";

/// The object as it was read.
#[derive(Debug)]
pub struct Incomplete {
    /// How far the upload is.
    pub progress: Progress,
    /// What the client said about its file.
    pub metadata: UploadMetadata,
    /// The bytes that wait.
    pub waiting: Pieces,
    /// Which version it is.
    pub version: Version,
}

/// The ETag of a version of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

/// A version of the object to be written.
#[derive(Debug, Clone)]
pub struct Draft {
    progress: Progress,
    metadata: UploadMetadata,
    revision: [u8; REVISION_BYTES],
    waiting: Pieces,
}

impl Draft {
    /// A version in which these bytes wait, as `progress` says.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn new(progress: Progress, metadata: UploadMetadata, waiting: Pieces) -> Result<Self, getrandom::Error> {
        Ok(Self { progress, metadata, revision: clock::random()?, waiting })
    }

    /// How far the upload is with it.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// What the client said about its file.
    #[must_use]
    pub const fn metadata(&self) -> &UploadMetadata {
        &self.metadata
    }

    /// The bytes that wait.
    #[must_use]
    pub const fn waiting(&self) -> &Pieces {
        &self.waiting
    }

    fn revision(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.revision))
    }

    fn body(&self) -> Pieces {
        Pieces::from(Bytes::copy_from_slice(&self.revision)).chain(self.waiting.clone())
    }

    fn entries(&self) -> HashMap<String, String> {
        let own = self.progress.entries().map(|(name, value)| (name.to_owned(), value));
        let revision = (REVISION.to_owned(), self.revision());
        let client = (CLIENT_METADATA.to_owned(), self.metadata.as_str().to_owned());
        own.chain([revision, client]).filter(|(_, value)| !value.is_empty()).collect()
    }
}

/// The object has been replaced, or has gone, since it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overtaken;

impl Storage {
    /// How far an upload is, without the bytes; `None` where no such upload is under way.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn progress(&self, upload: UploadId) -> Result<Option<(Progress, UploadMetadata)>, StorageError> {
        let key = Key::of_incomplete_part(upload);
        match self.client.head_object().bucket(&*self.bucket).key(key.as_str()).send().await {
            Ok(head) => Ok(Some(read(head.metadata.as_ref(), head.content_length)?)),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(failed("HeadObject", &error)),
        }
    }

    /// The whole object; `None` where no such upload is under way.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn incomplete(&self, upload: UploadId) -> Result<Option<Incomplete>, StorageError> {
        let key = Key::of_incomplete_part(upload);
        let found = match self.client.get_object().bucket(&*self.bucket).key(key.as_str()).send().await {
            Ok(found) => found,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(failed("GetObject", &error)),
        };
        let (progress, metadata) = read(found.metadata.as_ref(), found.content_length)?;
        let version = Version(found.e_tag.unwrap_or_default());
        let broken_off = |error| StorageError { operation: "GetObject", cause: format!("broke off: {error}") };
        let mut waiting = found.body.collect().await.map_err(broken_off)?;
        waiting.advance(REVISION_BYTES.min(waiting.remaining()));
        Ok(Some(Incomplete { progress, metadata, waiting: Pieces::of(waiting), version }))
    }

    /// Writes a version: the first one where `replaced` is `None`, else in place of that one and no other.
    ///
    /// # Errors
    /// S3 failed; whether the version was written is unknown then.
    pub async fn write_incomplete(
        &self,
        upload: UploadId,
        draft: &Draft,
        replaced: Option<&Version>,
    ) -> Result<Result<Version, Overtaken>, StorageError> {
        let key = Key::of_incomplete_part(upload);
        for attempt in 0..CONFLICT_TRIES {
            back_off(attempt).await;
            let put = self.client.put_object().bucket(&*self.bucket).key(key.as_str());
            let put = match replaced {
                Some(version) => put.if_match(&version.0),
                None => put.if_none_match("*"),
            };
            let put = put.set_metadata(Some(draft.entries())).body(draft.body().to_stream());
            match put.customize().disable_payload_signing().config_override(within(DEADLINE)).send().await {
                Ok(written) => return Ok(Ok(Version(written.e_tag.unwrap_or_default()))),
                Err(error) if status(&error) == Some(409) => {}
                // A repeated attempt of our own meets what the first one wrote.
                Err(error) if status(&error) == Some(412) => return self.own_version(&key, draft).await,
                Err(error) if status(&error) == Some(404) => return Ok(Err(Overtaken)),
                Err(error) => return Err(failed("PutObject", &error)),
            }
        }
        self.own_version(&key, draft).await
    }

    async fn own_version(&self, key: &Key, draft: &Draft) -> Result<Result<Version, Overtaken>, StorageError> {
        match self.client.head_object().bucket(&*self.bucket).key(key.as_str()).send().await {
            Ok(head) if head.metadata().and_then(|known| known.get(REVISION)) == Some(&draft.revision()) => {
                Ok(Ok(Version(head.e_tag.unwrap_or_default())))
            }
            Ok(_) => Ok(Err(Overtaken)),
            Err(error) if status(&error) == Some(404) => Ok(Err(Overtaken)),
            Err(error) => Err(failed("HeadObject", &error)),
        }
    }

    /// Deletes the object: no such upload is under way from then on.
    ///
    /// # Errors
    /// S3 failed; the lifecycle rule deletes it.
    pub async fn discard_incomplete(&self, upload: UploadId) -> Result<(), StorageError> {
        self.delete_key(&Key::of_incomplete_part(upload)).await
    }
}

fn read(
    metadata: Option<&HashMap<String, String>>,
    length: Option<i64>,
) -> Result<(Progress, UploadMetadata), StorageError> {
    let value = |name: &str| metadata?.get(name).map(String::as_str);
    let waiting = length.unwrap_or_default().unsigned_abs().checked_sub(REVISION_BYTES as u64);
    let progress = waiting.and_then(|waiting| Progress::read(value, waiting));
    let client = UploadMetadata::parse(value(CLIENT_METADATA).unwrap_or_default()).ok();
    let foreign = || StorageError { operation: "GetObject", cause: "gave no incomplete part of ours".into() };
    progress.zip(client).ok_or_else(foreign)
}
