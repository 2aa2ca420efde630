//! Objects in S3: created once, never overwritten.

pub mod bulk;
mod conditions;
mod deletes;
mod documents;
mod entries;
mod error;
pub mod objects;
pub mod report;
pub mod resumable;
mod sealing;
mod streaming;

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_s3::{
    operation::{head_object::HeadObjectOutput, put_object::builders::PutObjectFluentBuilder},
    primitives::ByteStream,
};
use bytes::Bytes;
use conditions::Conditions;
use error::{OfS3, back_off, failed, status};
use satchel_core::{
    config::S3Config,
    content_type::ContentType,
    digest::Sha256Digest,
    grant::Grant,
    metadata::Metadata,
    object_key::Key,
    repeat::{self, Content},
    retention::Retention,
    time::Timestamp,
    upload_path::UploadPath,
};

use crate::{
    clock::Clock,
    s3_client::{self, DEADLINE, LazyClient, within},
    sink::Sink,
};

pub use error::StorageError;
pub use satchel_store::{Creation, Incoming, Promotion, Stored};

/// S3 answers 409 where two conditional writes of one key meet (AWS: "Conditional requests").
const CONFLICT_TRIES: u32 = 5;

/// How long S3 may take nothing of a body, or give nothing, or keep its answer to itself, while somebody waits.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// One bucket.
#[derive(Debug, Clone)]
pub struct Storage {
    client: LazyClient,
    bucket: Arc<str>,
    retention: Retention,
    clock: Clock,
    copy_deadline: Duration,
    patience: Duration,
    conditions: Conditions,
    notices: Sink,
}

impl Storage {
    /// A client for the bucket of `config`. Connects with the first request, not here.
    #[must_use]
    pub fn new(config: &S3Config, sdk: &SdkConfig) -> Self {
        Self {
            client: s3_client::connected_to(config, sdk),
            bucket: config.bucket.as_str().into(),
            retention: config.retention,
            clock: Clock::System,
            copy_deadline: DEADLINE,
            patience: PATIENCE,
            conditions: Conditions::default(),
            notices: Sink::default(),
        }
    }

    pub(crate) fn client(&self) -> &LazyClient {
        &self.client
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

    /// Gives S3 up after so long without a byte of a body, either way.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
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
        if !self.conditions.hold()
            && let Some(present) = self.head(&grant.path).await?
        {
            return Ok(met_by(&present, grant, || Content::of(&body), self.clock.now()));
        }
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
                Err(error) if status(&error) == Some(412) => return self.met(grant, || Content::of(&body)).await,
                Err(error) => return Err(failed("PutObject", &error)),
            }
        }
        self.met(grant, || Content::of(&body)).await
    }

    /// What becomes the object of a grant where there is none, but for its body.
    fn put_request(&self, grant: &Grant, metadata: &Metadata, digest: Option<Sha256Digest>) -> PutObjectFluentBuilder {
        let key = Key::of_upload(&grant.path);
        let put = self.client.put_object().bucket(&*self.bucket).key(key.as_str());
        let put = put.set_if_none_match(self.conditions.absent());
        let put = put.content_type(grant.content_type.as_str()).set_metadata(Some(pairs(metadata)));
        put.set_checksum_sha256(digest.map(Sha256Digest::to_base64))
    }

    /// What a body comes to that was refused.
    async fn met(&self, grant: &Grant, sent: impl FnOnce() -> Content) -> Result<Creation, StorageError> {
        match self.head(&grant.path).await? {
            Some(stored) => Ok(met_by(&stored, grant, sent, self.clock.now())),
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
}

/// What storing a body comes to that meets this object.
fn met_by(stored: &Stored, grant: &Grant, sent: impl FnOnce() -> Content, now: Timestamp) -> Creation {
    let kept = Content::of_object(stored.size, &stored.etag);
    let is_repeated = || repeat::is_repeated(grant, sent, &stored.metadata, &kept);
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
