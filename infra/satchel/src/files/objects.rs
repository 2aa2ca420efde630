//! Files: received whole, then linked in by one commit.

use std::ops::Range;

use futures_util::{StreamExt, TryStreamExt, stream};
use satchel_core::{
    digest::{DigestError, Sha256Digest},
    grant::Grant,
    metadata::Metadata,
    object_key::Key,
    time::Timestamp,
    upload_path::UploadPath,
};
use satchel_folder::{
    Checksum, ChecksumAlgorithm, Described, Digest, Found as Held, Headers, ObjectHead, Refusal, Store,
    StoreError as FolderError, WriteCondition,
};
use satchel_store::{
    Body, BodyError, CreateError, Creation, Found, NewUpload, Objects, Pieces, Reader, StoreError, Stored,
    sealing::{discard_all, seal_on_demand},
};

use super::bucket::{Files, absent, failed, stored};

impl Objects for Files {
    type Reader = Opened;

    async fn create(&self, upload: &NewUpload, body: Body) -> Result<Creation, CreateError> {
        let NewUpload { grant, digest } = upload;
        // Before the body: whoever waits for permission need not send it, unless it may be what is there.
        let now = self.clock.now();
        if self.look(&grant.path)?.is_some_and(|head| !may_be_repeated(grant, &head, now)) {
            return Ok(Creation::Exists);
        }
        let body = self.receive(grant.size, body).await?;
        if digest.is_some_and(|announced| announced != Sha256Digest::from_bytes(body.sha256.0)) {
            return Err(DigestError::Mismatch.into());
        }
        if let Some(present) = self.look(&grant.path)? {
            return Ok(met_by(&present, grant, body.sha256, now));
        }
        // What was announced can be asked for again, over S3.
        let digest = digest.map(|_| body.sha256.0.to_vec());
        let checksum = digest.map(|digest| Checksum { algorithm: ChecksumAlgorithm::Sha256, digest, parts: 0 });
        Ok(self.keep(grant, &Metadata::of(grant), checksum, body).await?)
    }

    async fn head(&self, path: &UploadPath) -> Result<Option<Stored>, StoreError> {
        Ok(self.look(path)?.map(|head| stored(&head)))
    }

    async fn find(&self, path: &UploadPath) -> Result<Option<Found<Opened>>, StoreError> {
        let (held, sealed) = match self.open(path)? {
            Some(held) => (Some(held), None),
            None => {
                let sealed = seal_on_demand(self, path).await?;
                (self.open(path)?, sealed)
            }
        };
        Ok(held.map(|held| {
            let stored = stored(held.head());
            Found { stored, sealed, reader: Opened { store: self.store.clone(), held } }
        }))
    }

    async fn remove(&self, path: &UploadPath) -> Result<bool, StoreError> {
        let was_waiting = discard_all(self, path).await?;
        Ok(self.drop_key(&Key::of_upload(path)).await? || was_waiting)
    }
}

impl Files {
    fn open(&self, path: &UploadPath) -> Result<Option<Held>, StoreError> {
        let found = absent(self.store.find(&self.at(&Key::of_upload(path))));
        found.map_err(|error| failed("lookup", &error))
    }

    /// Takes the whole body in before anything is said about it.
    async fn receive(&self, size: u64, body: Body) -> Result<satchel_folder::Body, CreateError> {
        let received = match body {
            Body::Whole(bytes) => {
                let pieces = stream::iter([Ok::<_, BodyError>(bytes)]);
                self.store.receive(pieces, size, ()).await
            }
            Body::Streamed(pieces) => self.store.receive(pieces, size, ()).await,
        };
        match received {
            Ok((body, ())) => Ok(body),
            Err(FolderError::Body(cause)) => match cause.downcast::<BodyError>() {
                Ok(error) => Err((*error).into()),
                Err(cause) => Err(failed("intake", &FolderError::Body(cause)).into()),
            },
            Err(FolderError::Refused(Refusal::IncompleteBody { received, announced })) => {
                Err(if received > announced { BodyError::TooLong } else { BodyError::Incomplete }.into())
            }
            Err(error) => Err(failed("intake", &error).into()),
        }
    }

    /// Makes a body that is here the file of a grant, with this metadata.
    pub(super) async fn keep(
        &self,
        grant: &Grant,
        metadata: &Metadata,
        checksum: Option<Checksum>,
        body: satchel_folder::Body,
    ) -> Result<Creation, StoreError> {
        let entry = self.entry_of(grant);
        let described = Described { etag: tag(body.sha256, 1), checksum, headers: headers(grant, metadata) };
        let absent = WriteCondition { absent: true, matches: None };
        let (at, sha256) = (self.at(&Key::of_upload(&grant.path)), body.sha256);
        match self.store.put_beside(at, described, body, absent, entry).await {
            Ok(_) => Ok(Creation::Created),
            Err(FolderError::Refused(Refusal::PreconditionFailed { .. })) => {
                let present = self.look(&grant.path)?;
                Ok(present.map_or(Creation::Exists, |present| met_by(&present, grant, sha256, self.clock.now())))
            }
            Err(error) => Err(failed("write", &error)),
        }
    }
}

/// A file whose bytes are held in place.
#[derive(Debug, Clone)]
pub struct Opened {
    store: Store,
    held: Held,
}

impl Reader for Opened {
    async fn read(&self, range: Range<u64>) -> Result<Pieces<StoreError>, StoreError> {
        let opened = self.store.read(self.held.clone(), range).await.map_err(|error| failed("read", &error))?;
        Ok(opened.map_err(|error| failed("read", &error)).boxed())
    }
}

/// Whether what is there may be this very upload: it is, or came with the same token, has as many bytes, and its time is not
/// over.
pub(super) fn may_be_repeated(grant: &Grant, present: &ObjectHead, now: Timestamp) -> bool {
    let metadata = stored(present).metadata;
    let is_over = metadata.expires.is_some_and(|at| at.is_reached(now));
    let has_its_token = grant.token.is_some() && metadata.token == grant.token && present.size == grant.size;
    metadata.upload == Some(grant.id) || has_its_token && !is_over
}

/// What storing a body comes to that meets this object.
pub(super) fn met_by(present: &ObjectHead, grant: &Grant, sha256: Digest, now: Timestamp) -> Creation {
    match stored(present).metadata.upload {
        Some(upload) if upload == grant.id => Creation::Created,
        Some(upload) if may_be_repeated(grant, present, now) && present.sha256 == Some(sha256) => {
            Creation::Repeated(upload)
        }
        _ => Creation::Exists,
    }
}

/// Of another form than an MD5, so that no S3 tool takes it for one; a folder's files need none.
pub(super) fn tag(sha256: Digest, parts: usize) -> String {
    format!("{}-{parts}", hex::encode(&sha256.0[..16]))
}

pub(super) fn headers(grant: &Grant, metadata: &Metadata) -> Headers {
    Headers {
        content_type: Some(grant.content_type.as_str().to_owned()),
        metadata: metadata.entries().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..Headers::default()
    }
}
