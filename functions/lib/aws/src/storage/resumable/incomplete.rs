//! The incomplete-part object of a resumable upload: the bytes that make no part yet, and the one truth about how far
//! the upload is, replaced only where nobody else has replaced it. A path has one such object, so it has one upload: a
//! later one takes the place of the one before. The body is a revision, S3's name of the multipart upload (too long for
//! some stores' metadata), and the bytes that wait.

use std::collections::HashMap;

use bytes::{Buf, Bytes};
use satchel_core::{grant::UploadId, object_key::Key, upload_metadata::UploadMetadata, upload_path::UploadPath};
use satchel_store::PartialName;

use super::{multipart::Multipart, pieces::Pieces};
use crate::{
    clock,
    s3_client::{DEADLINE, within},
    storage::{CONFLICT_TRIES, OfS3, Storage, StorageError, back_off, failed, resumable::progress::Progress, status},
};

/// Every version begins with so many random bytes. S3's ETags are over the body alone: without them all versions in
/// which nothing waits would have the same one, and a late request could take one for the other.
const REVISION_BYTES: usize = 16;

/// More than any store's names of multipart uploads have, with the revision before them.
const MAX_PREFIX_BYTES: u64 = 4_096;

const UPLOAD: &str = "upload";
const REVISION: &str = "revision";
const CLIENT_METADATA: &str = "metadata";

/// The object's metadata, as it was read.
#[derive(Debug)]
pub struct Found {
    /// How far the upload is.
    pub progress: Progress,
    /// What the client said about its file.
    pub metadata: UploadMetadata,
    /// Which version it is.
    pub version: Version,
}

/// The upload that the object of a path is about.
#[derive(Debug)]
pub struct Holder {
    /// Where its parts go.
    pub multipart: PartialName,
    /// Which version of the object says so.
    pub version: Version,
}

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
    pub fn new(progress: Progress, metadata: UploadMetadata, waiting: Pieces) -> Result<Self, StorageError> {
        let revision = clock::random().map_err(|error| StorageError::of("revision", error.to_string()))?;
        Ok(Self { progress, metadata, revision, waiting })
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

    fn body(&self, multipart: &PartialName) -> Pieces {
        let prefix = [self.revision.as_slice(), multipart.as_str().as_bytes()].concat();
        Pieces::from(Bytes::from(prefix)).chain(self.waiting.clone())
    }

    fn entries(&self, upload: UploadId) -> HashMap<String, String> {
        let own = self.progress.entries();
        let client = (CLIENT_METADATA, self.metadata.as_str().to_owned());
        let all = own.chain([(UPLOAD, upload.encode()), (REVISION, self.revision()), client]);
        all.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The object has been replaced, or has gone, since it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overtaken;

impl Storage {
    /// How far an upload is, without the bytes; `None` where it is not under way, or another has taken its place.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn progress(&self, upload: Multipart<'_>) -> Result<Option<Found>, StorageError> {
        let key = Key::of_incomplete_part(&upload.grant.path);
        match self.client.head_object().bucket(&*self.bucket).key(key.as_str()).send().await {
            Ok(head) if !is_of(upload, head.metadata.as_ref()) => Ok(None),
            Ok(head) => {
                let (progress, metadata) = read(head.metadata.as_ref())?;
                Ok(Some(Found { progress, metadata, version: Version(head.e_tag.unwrap_or_default()) }))
            }
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(failed("HeadObject", &error)),
        }
    }

    /// The whole object; `None` where the upload is not under way, or another has taken its place.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn incomplete(&self, upload: Multipart<'_>) -> Result<Option<Incomplete>, StorageError> {
        let key = Key::of_incomplete_part(&upload.grant.path);
        let found = match self.client.get_object().bucket(&*self.bucket).key(key.as_str()).send().await {
            Ok(found) if !is_of(upload, found.metadata.as_ref()) => return Ok(None),
            Ok(found) => found,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(failed("GetObject", &error)),
        };
        let (progress, metadata) = read(found.metadata.as_ref())?;
        let version = Version(found.e_tag.unwrap_or_default());
        let mut waiting = found.body.collect().await.map_err(|error| broken_off(&error))?;
        let prefix = (waiting.remaining() as u64).checked_sub(progress.waiting()).ok_or_else(foreign)?;
        waiting.advance(usize::try_from(prefix).map_err(|_| foreign())?);
        Ok(Some(Incomplete { progress, metadata, waiting: Pieces::of(waiting), version }))
    }

    /// The upload of a path that is under way, whoever began it. Asks for no more than the start of its object.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn holder(&self, path: &UploadPath) -> Result<Option<Holder>, StorageError> {
        let key = Key::of_incomplete_part(path);
        let get = self.client.get_object().bucket(&*self.bucket).key(key.as_str());
        let found = match get.range(format!("bytes=0-{}", MAX_PREFIX_BYTES - 1)).send().await {
            Ok(found) => found,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(failed("GetObject", &error)),
        };
        let (progress, _) = read(found.metadata.as_ref())?;
        // A store that knows no ranges gives the whole, and says nothing of one.
        let whole = found.content_range().and_then(|range| range.rsplit('/').next()?.parse().ok());
        let whole = whole.unwrap_or(found.content_length.unwrap_or_default().unsigned_abs());
        let version = Version(found.e_tag.unwrap_or_default());
        let start = found.body.collect().await.map_err(|error| broken_off(&error))?.into_bytes();
        let prefix = whole.checked_sub(progress.waiting()).and_then(|end| usize::try_from(end).ok());
        let multipart = prefix.and_then(|end| std::str::from_utf8(start.get(REVISION_BYTES..end)?).ok());
        Ok(Some(Holder { multipart: PartialName::new(multipart.ok_or_else(foreign)?), version }))
    }

    /// Writes a version: the first one where `replaced` is `None`, else in place of that one and no other.
    ///
    /// # Errors
    /// S3 failed; whether the version was written is unknown then.
    pub async fn write_incomplete(
        &self,
        upload: Multipart<'_>,
        draft: &Draft,
        replaced: Option<&Version>,
    ) -> Result<Result<Version, Overtaken>, StorageError> {
        let key = Key::of_incomplete_part(&upload.grant.path);
        for attempt in 0..CONFLICT_TRIES {
            back_off(attempt).await;
            let put = self.client.put_object().bucket(&*self.bucket).key(key.as_str());
            let put = match replaced {
                Some(version) => put.if_match(&version.0),
                None => put.if_none_match("*"),
            };
            let put = put.set_metadata(Some(draft.entries(upload.grant.id))).body(draft.body(upload.id).to_stream());
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

    /// Deletes a version of the object, and no other: no such upload is under way from then on. A store that ignores
    /// the condition may end a later upload of the path in its place, whose client is told to begin again.
    ///
    /// # Errors
    /// S3 failed; the lifecycle rule deletes it.
    pub async fn discard_incomplete(
        &self,
        path: &UploadPath,
        version: &Version,
    ) -> Result<Result<(), Overtaken>, StorageError> {
        let deleted = self.delete_if(&Key::of_incomplete_part(path), &version.0).await?;
        Ok(if deleted { Ok(()) } else { Err(Overtaken) })
    }
}

/// Whether the object that has this metadata is about this upload, and not about another of its path.
fn is_of(upload: Multipart<'_>, metadata: Option<&HashMap<String, String>>) -> bool {
    metadata.and_then(|known| known.get(UPLOAD)) == Some(&upload.grant.id.encode())
}

fn read(metadata: Option<&HashMap<String, String>>) -> Result<(Progress, UploadMetadata), StorageError> {
    let value = |name: &str| metadata?.get(name).map(String::as_str);
    let client = UploadMetadata::parse(value(CLIENT_METADATA).unwrap_or_default()).ok();
    Progress::read(value).zip(client).ok_or_else(foreign)
}

fn foreign() -> StorageError {
    StorageError::of("GetObject", "gave no incomplete part of ours")
}

fn broken_off(error: &impl std::fmt::Display) -> StorageError {
    StorageError::of("GetObject", format!("broke off: {error}"))
}
