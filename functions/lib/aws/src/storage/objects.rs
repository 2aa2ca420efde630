//! A bucket as the store that the functions ask for.

use std::{ops::Range, time::Duration};

use aws_sdk_s3::{Config, primitives::ByteStream};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use satchel_core::{object_key::Key, upload_path::UploadPath};
use satchel_store::{
    Body, CreateError, Creation, Found, NewUpload, Objects, Pieces, Reader, Stored,
    sealing::{discard_all, seal_on_demand},
};
use satchel_telemetry::{
    level::Level,
    line::{Line, REASON},
};
use tokio::time::timeout;

use super::{OfS3, Storage, StorageError, failed};
use crate::{log::Seen, s3_client::unhurried};

impl Objects for Storage {
    type Reader = S3Reader;

    async fn create(&self, upload: &NewUpload, body: Body) -> Result<Creation, CreateError> {
        match body {
            Body::Whole(bytes) => self.take(upload, bytes).await,
            Body::Streamed(pieces) => Box::pin(self.stream(upload, pieces)).await,
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
        let length = range.end - range.start;
        let get = self.storage.client.get_object().bucket(&*self.storage.bucket).key(self.key.as_str());
        let get = get.if_match(&self.etag).range(format!("bytes={}-{}", range.start, range.end - 1));
        let got = get.customize().config_override(unhurried(Config::builder())).send().await;
        let got = got.map_err(|error| failed("GetObject", &error))?;
        if got.content_length.and_then(|length| u64::try_from(length).ok()) != Some(length) {
            return Err(broken("gave other bytes than were asked for"));
        }
        let (patience, notices) = (self.storage.patience, self.storage.notices.clone());
        let pieces = stream::unfold((got.body, patience), async |(mut body, patience)| {
            Some((next(&mut body, patience).await?, (body, patience)))
        });
        // The answer is on its way: nobody else can say so any more.
        Ok(pieces.inspect_err(move |error| notices.write(&broken_off(error))).boxed())
    }

    /// S3 would wait for whoever reads what comes before, and does not do so for ever.
    async fn read_later(&self, range: Range<u64>) -> Result<Pieces<StorageError>, StorageError> {
        let reader = self.clone();
        let opened = async move { reader.read(range).await };
        Ok(stream::once(opened).try_flatten().boxed())
    }
}

/// The next piece, unless S3 gives none for too long. Whoever reads slowly takes none of that time.
async fn next(body: &mut ByteStream, patience: Duration) -> Option<Result<Bytes, StorageError>> {
    match timeout(patience, body.next()).await {
        Ok(piece) => piece.map(|piece| piece.map_err(|error| broken(error.to_string()))),
        Err(_) => Some(Err(broken("S3 gives nothing more"))),
    }
}

fn broken(cause: impl Into<String>) -> StorageError {
    StorageError::of("GetObject", cause)
}

fn broken_off(error: &StorageError) -> Line {
    let reason = format!("a download broke off, its client has a part of the file: {error}");
    Seen::of_event("storage", String::new()).notice(
        Level::Warn,
        "download_broken_off",
        vec![(REASON.into(), reason.into())],
    )
}
