//! Objects in S3: created once, never overwritten.

pub mod bulk;
mod deletes;
mod entries;
mod error;
pub mod incomplete;
pub mod multipart;
mod objects;
pub mod pieces;
pub mod report;

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_credential_types::Credentials;
use aws_sdk_s3::{
    Client,
    operation::{head_object::HeadObjectOutput, put_object::builders::PutObjectFluentBuilder},
    primitives::ByteStream,
    types::MetadataDirective,
};
use bytes::Bytes;
use satchel_core::{
    config::S3Config,
    content_type::ContentType,
    digest::Sha256Digest,
    grant::Grant,
    metadata::Metadata,
    object_key::{Key, StoredObject},
    repeat::{self, Content},
    slot::Retention,
    time::Timestamp,
    upload_path::{UploadPath, encode_path},
};

pub use error::StorageError;
use error::{OfS3, back_off, failed, status};
pub use satchel_store::{Creation, Stored};

use crate::{
    clock::Clock,
    s3_client::{self, DEADLINE, within},
    sink::Sink,
};

/// S3 answers 409 where two conditional writes of one key meet (AWS: "Conditional requests").
const CONFLICT_TRIES: u32 = 5;

/// What copying an upload to its place came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promotion {
    /// The object is there now, and it is ours.
    Promoted,
    /// There is an object already, or the source is not what it was, or gone.
    Refused,
}

/// An upload that waits under `incoming/`.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// What was granted.
    pub grant: Grant,
    /// Bytes there are.
    pub size: u64,
    /// Which bytes they are.
    pub etag: String,
}

/// One bucket.
#[derive(Debug, Clone)]
pub struct Storage {
    client: Client,
    bucket: Arc<str>,
    retention: Retention,
    clock: Clock,
    copy_deadline: Duration,
    notices: Sink,
}

impl Storage {
    /// A client for the bucket of `config`. Connects with the first request, not here.
    #[must_use]
    pub fn new(config: &S3Config, credentials: Credentials) -> Self {
        Self {
            client: s3_client::connected_to(config, credentials),
            bucket: config.bucket.as_str().into(),
            retention: config.retention,
            clock: Clock::System,
            copy_deadline: DEADLINE,
            notices: Sink::default(),
        }
    }

    /// Tells by another clock which uploads expire before their lifecycle rule comes.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Waits this long for a copy, where no API Gateway waits for the answer.
    #[must_use]
    pub fn with_copy_deadline(self, copy_deadline: Duration) -> Self {
        Self { copy_deadline, ..self }
    }

    /// Says what is no answer's to say elsewhere than on standard output.
    #[must_use]
    pub fn with_notices(self, notices: Sink) -> Self {
        Self { notices, ..self }
    }

    /// Stores a body as the object of its grant with this metadata, in one request, unless there is one already; and its
    /// entry in the index of expiries, where it needs one. Where there is one, a second request tells whose it is.
    ///
    /// # Errors
    /// S3 failed; whether the object exists is unknown then.
    pub async fn create(
        &self,
        grant: &Grant,
        metadata: &Metadata,
        body: Bytes,
        digest: Option<Sha256Digest>,
    ) -> Result<Creation, StorageError> {
        self.indexed(grant, self.put(grant, metadata, body, digest)).await
    }

    async fn put(
        &self,
        grant: &Grant,
        metadata: &Metadata,
        body: Bytes,
        digest: Option<Sha256Digest>,
    ) -> Result<Creation, StorageError> {
        for attempt in 0..CONFLICT_TRIES {
            back_off(attempt).await;
            let put = self.put_request(grant, metadata, digest).body(ByteStream::from(body.clone()));
            // TLS protects the body; hashing it once more for the signature would double the work.
            match put.customize().disable_payload_signing().config_override(within(DEADLINE)).send().await {
                Ok(_) => return Ok(Creation::Created),
                Err(error) if status(&error) == Some(409) => {}
                // A repeated attempt of our own meets the object that the first one made.
                Err(error) if status(&error) == Some(412) => return self.met(grant, &body).await,
                Err(error) => return Err(failed("PutObject", &error)),
            }
        }
        self.met(grant, &body).await
    }

    /// What becomes the object of a grant where there is none, but for its body.
    fn put_request(&self, grant: &Grant, metadata: &Metadata, digest: Option<Sha256Digest>) -> PutObjectFluentBuilder {
        let key = Key::of_upload(&grant.path);
        let put = self.client.put_object().bucket(&*self.bucket).key(key.as_str()).if_none_match("*");
        let put = put.content_type(grant.content_type.as_str()).set_metadata(Some(pairs(metadata)));
        put.set_checksum_sha256(digest.map(Sha256Digest::to_base64))
    }

    async fn met(&self, grant: &Grant, body: &[u8]) -> Result<Creation, StorageError> {
        match self.head(&grant.path).await? {
            Some(stored) => Ok(met_by(&stored, grant, body, self.clock.now())),
            None => Err(StorageError::of("PutObject", "refused, though there is no object")),
        }
    }

    /// The sealed object of a path, if there is one.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn head(&self, path: &UploadPath) -> Result<Option<Stored>, StorageError> {
        let key = Key::of_upload(path);
        match self.client.head_object().bucket(&*self.bucket).key(key.as_str()).send().await {
            Ok(head) => Ok(Some(stored(&head))),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(failed("HeadObject", &error)),
        }
    }

    /// Copies an upload to its place, the grant becoming its metadata, unless there is an object or the
    /// source has changed since it was looked at; and writes its entry in the index of expiries, where it needs one.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn promote(&self, incoming: &Incoming) -> Result<Promotion, StorageError> {
        self.indexed(&incoming.grant, self.copy(incoming)).await
    }

    async fn copy(&self, incoming: &Incoming) -> Result<Promotion, StorageError> {
        let source = format!("{}/{}", self.bucket, encode_path(waiting_key(&incoming.grant)?.as_str()));
        let key = Key::of_upload(&incoming.grant.path);
        for attempt in 0..CONFLICT_TRIES {
            back_off(attempt).await;
            let copy = self.client.copy_object().bucket(&*self.bucket).key(key.as_str()).if_none_match("*");
            let copy = copy.copy_source(&source).copy_source_if_match(&incoming.etag);
            let metadata = pairs(&Metadata::of(&incoming.grant));
            let copy = copy.metadata_directive(MetadataDirective::Replace).set_metadata(Some(metadata));
            let copy = copy.content_type(incoming.grant.content_type.as_str()).customize();
            match copy.config_override(within(self.copy_deadline)).send().await {
                Ok(_) => return Ok(Promotion::Promoted),
                Err(error) if status(&error) == Some(409) => {}
                Err(error) if matches!(status(&error), Some(404 | 412)) => return Ok(Promotion::Refused),
                Err(error) => return Err(failed("CopyObject", &error)),
            }
        }
        Ok(Promotion::Refused)
    }

    /// The uploads that wait for a path (of a thousand, should there be more), the oldest first.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn incoming(&self, path: &UploadPath) -> Result<Vec<Incoming>, StorageError> {
        let list = self.client.list_objects_v2().bucket(&*self.bucket).delimiter("/");
        let listed = list.prefix(StoredObject::incoming_prefix(path)).send().await;
        let mut objects = listed.map_err(|error| failed("ListObjectsV2", &error))?.contents.unwrap_or_default();
        objects.sort_by_key(|object| object.last_modified);
        Ok(objects.iter().filter_map(incoming).filter(|incoming| incoming.grant.path == *path).collect())
    }

    /// What waits under one `incoming/` key, if it is one of ours and there.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn incoming_at(&self, key: &str) -> Result<Option<Incoming>, StorageError> {
        let Some(StoredObject::Incoming(grant)) = StoredObject::parse(key) else { return Ok(None) };
        match self.client.head_object().bucket(&*self.bucket).key(key).send().await {
            Ok(head) => Ok(Some(Incoming {
                grant: *grant,
                size: head.content_length.unwrap_or_default().unsigned_abs(),
                etag: head.e_tag.unwrap_or_default(),
            })),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(failed("HeadObject", &error)),
        }
    }
}

/// What storing a body comes to that meets this object.
fn met_by(stored: &Stored, grant: &Grant, body: &[u8], now: Timestamp) -> Creation {
    let kept = Content::of_object(stored.size, &stored.etag);
    let is_repeated = || repeat::is_repeated(grant, || Content::of(body), &stored.metadata, &kept);
    match stored.metadata.upload {
        Some(upload) if upload == grant.id => Creation::Created,
        // What nobody gets any more is no file to be content with.
        Some(_) if stored.metadata.expires.is_some_and(|at| at.is_reached(now)) => Creation::Exists,
        Some(upload) if is_repeated() => Creation::Repeated(upload),
        _ => Creation::Exists,
    }
}

/// A grant whose key is too long is refused before anything is stored for it.
fn waiting_key(grant: &Grant) -> Result<Key, StorageError> {
    Key::of_grant(grant).map_err(|error| StorageError::of("key", error.to_string()))
}

fn pairs(metadata: &Metadata) -> HashMap<String, String> {
    metadata.entries().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn stored(head: &HeadObjectOutput) -> Stored {
    let content_type = head.content_type.as_deref().unwrap_or_default();
    Stored {
        size: head.content_length.unwrap_or_default().unsigned_abs(),
        content_type: ContentType::parse(content_type).unwrap_or_default(),
        metadata: read_metadata(head.metadata.as_ref()),
        modified: Timestamp::from_seconds(head.last_modified.map_or(0, |at| at.secs().max(0).unsigned_abs())),
        etag: head.e_tag.clone().unwrap_or_default(),
    }
}

fn read_metadata(metadata: Option<&HashMap<String, String>>) -> Metadata {
    Metadata::read(|name| metadata?.get(name).map(String::as_str))
}

fn incoming(object: &aws_sdk_s3::types::Object) -> Option<Incoming> {
    let Some(StoredObject::Incoming(grant)) = StoredObject::parse(object.key.as_deref()?) else { return None };
    let size = object.size.unwrap_or_default().unsigned_abs();
    Some(Incoming { grant: *grant, size, etag: object.e_tag.clone()? })
}
