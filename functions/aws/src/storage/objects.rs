//! A bucket as the store that the functions ask for.

use std::{error::Error, ops::Range, time::Duration};

use aws_sdk_s3::{
    error::SdkError,
    primitives::{ByteStream, SdkBody},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use satchel_core::{digest::Sha256Digest, grant::Grant, metadata::Metadata, object_key::Key, upload_path::UploadPath};
use satchel_store::{
    Body, BodyError, CreateError, Creation, Found, NewUpload, Objects, Pieces, Reader, Stored,
    sealing::{discard_all, seal_on_demand},
};
use sync_wrapper::SyncStream;

use super::{OfS3, Storage, StorageError, failed, status};
use crate::s3_client::within;

impl Objects for Storage {
    type Reader = S3Reader;

    async fn create(&self, upload: &NewUpload, body: Body) -> Result<Creation, CreateError> {
        let NewUpload { grant, digest } = upload;
        match body {
            Body::Whole(bytes) => Ok(self.create(grant, &Metadata::of(grant), bytes, *digest).await?),
            Body::Streamed(pieces) => Box::pin(self.stream(grant, pieces, *digest)).await,
        }
    }

    async fn head(&self, path: &UploadPath) -> Result<Option<Stored>, StorageError> {
        self.head(path).await
    }

    async fn find(&self, path: &UploadPath) -> Result<Option<Found<S3Reader>>, StorageError> {
        let found = |stored: Stored, sealed| {
            let reader = S3Reader { storage: self.clone(), key: Key::of_upload(path), etag: stored.etag.clone() };
            Found { stored, sealed, reader }
        };
        if let Some(stored) = self.head(path).await? {
            return Ok(Some(found(stored, None)));
        }
        let sealed = seal_on_demand(self, path).await?;
        // Even where nothing waited: the event may have sealed it between the first look and the list.
        Ok(self.head(path).await?.map(|stored| found(stored, sealed)))
    }

    async fn remove(&self, path: &UploadPath) -> Result<bool, StorageError> {
        let was_waiting = discard_all(self, path).await?;
        let is_sealed = self.head(path).await?.is_some();
        if is_sealed {
            self.delete(path).await?;
        }
        Ok(is_sealed || was_waiting)
    }
}

/// How long a body may take that comes over a slow line. Whoever sends it says when it stands still.
const BODY_DEADLINE: Duration = Duration::from_hours(24);

impl Storage {
    /// A body is sent once, as it comes: there is no second attempt, and S3 keeps nothing of one that breaks off.
    async fn stream(
        &self,
        grant: &Grant,
        pieces: Pieces<BodyError>,
        digest: Option<Sha256Digest>,
    ) -> Result<Creation, CreateError> {
        // For stores that ignore the condition of the write.
        if let Some(present) = self.head(&grant.path).await? {
            return Ok(own_or_other(&present, grant));
        }
        let frames = StreamBody::new(SyncStream::new(pieces.map_ok(Frame::data)));
        let body = ByteStream::new(SdkBody::from_body_1_x(frames));
        let put = self
            .put_request(grant, &Metadata::of(grant), digest)
            .content_length(grant.size.try_into().unwrap_or(i64::MAX))
            .body(body);
        let sent = put.customize().disable_payload_signing().config_override(within(BODY_DEADLINE));
        let sent = async {
            match sent.send().await {
                Ok(_) => Ok(Creation::Created),
                Err(error) if matches!(status(&error), Some(409 | 412)) => {
                    let present = self.head(&grant.path).await?;
                    Ok(present.map_or(Creation::Exists, |present| own_or_other(&present, grant)))
                }
                Err(error) => Err(broken(&error).map_or_else(|| failed("PutObject", &error).into(), CreateError::Body)),
            }
        };
        self.indexed(grant, sent).await
    }
}

/// What has passed is not known any more, so that it cannot be compared with what is there.
fn own_or_other(present: &Stored, grant: &Grant) -> Creation {
    if present.is_of(grant) { Creation::Created } else { Creation::Exists }
}

/// What the client's side of the stream said, if that is what broke it.
fn broken<E: Error + 'static>(error: &SdkError<E>) -> Option<BodyError> {
    let mut cause = error.source();
    while let Some(error) = cause {
        match error.downcast_ref() {
            Some(body) => return Some(*body),
            None => cause = error.source(),
        }
    }
    None
}

/// Reads one object, in the version that was found.
#[derive(Debug, Clone)]
pub struct S3Reader {
    storage: Storage,
    key: Key,
    etag: String,
}

impl Reader for S3Reader {
    async fn read(&self, range: Range<u64>) -> Result<Pieces<StorageError>, StorageError> {
        if range.is_empty() {
            return Ok(Box::pin(stream::empty()));
        }
        let get = self.storage.client.get_object().bucket(&*self.storage.bucket).key(self.key.as_str());
        let get = get.if_match(&self.etag).range(format!("bytes={}-{}", range.start, range.end - 1));
        let got = get.send().await.map_err(|error| failed("GetObject", &error))?;
        let pieces = stream::unfold(got.body, async |mut body| Some((body.next().await?, body)));
        Ok(pieces.map(|piece| piece.map_err(|error| StorageError::of("GetObject", error.to_string()))).boxed())
    }
}
