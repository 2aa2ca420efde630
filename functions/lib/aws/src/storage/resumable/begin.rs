//! Beginning: as a file that is there at once, or as the one upload of its path.

use satchel_core::{grant::Grant, metadata::Metadata, upload_metadata::UploadMetadata};
use satchel_store::PartialName;

use super::{
    Begun, ChunkError, Creation, Partial, Slice, Slices, Storage, StorageError,
    incomplete::{Draft, Holder},
    multipart::Multipart,
};
use crate::storage::resumable::progress::Progress;

/// How often creations of one path at the same moment may overtake this one.
const CLAIM_TRIES: u32 = 20;

impl Storage {
    /// A file that came as a whole is stored in one request; any other begins as a multipart upload. One that comes again
    /// as a whole is the upload that it was.
    pub(super) async fn begin_with(
        &self,
        grant: &Grant,
        said: &UploadMetadata,
        slices: &mut Slices,
    ) -> Result<Begun, ChunkError> {
        let metadata = Metadata::of(grant).with_client(said.clone());
        let Slice { pieces, end } = slices.next().await;
        // A client that has gone would not hear where its upload is.
        if let Some(Err(broken)) = end {
            return Err(broken.into());
        }
        let size = pieces.len();
        if size > grant.size {
            return Err(ChunkError::TooLong);
        }
        if size == grant.size {
            if end.is_none() && slices.goes_on().await? {
                return Err(ChunkError::TooLong);
            }
            return Ok(match self.create(grant, &metadata, pieces.into_bytes(), None).await? {
                Creation::Created => Begun::Complete(grant.id),
                Creation::Repeated(upload) => Begun::Complete(upload),
                Creation::Exists => Begun::Exists,
            });
        }
        if self.head(&grant.path).await?.is_some() {
            return Ok(Begun::Exists);
        }
        let name = self.begin_multipart(grant, &metadata).await?;
        let draft = Draft::new(Progress::default().extended(size), said.clone(), pieces)?;
        if !self.claim(Multipart { grant, id: &name }, &draft).await? {
            return Ok(Begun::Overtaken);
        }
        let offset = if end.is_some() { size } else { self.go_on(grant, &name, size, slices).await };
        Ok(Begun::Unfinished { name, offset })
    }

    /// Adds what else came along. Whatever becomes of it, its client is to learn where the upload is.
    async fn go_on(&self, grant: &Grant, name: &PartialName, from: u64, slices: &mut Slices) -> u64 {
        let (upload, mut at) = (Partial { grant, name: Some(name) }, from);
        loop {
            let Slice { pieces, end } = slices.next().await;
            let size = pieces.len();
            if size > 0 {
                match self.add(upload, at, pieces).await {
                    Ok(_) => at += size,
                    Err(_) => return at,
                }
            }
            if end.is_some() {
                return at;
            }
        }
    }

    /// Makes this upload the one of its path; says whether it is. One that was begun before, perhaps by the same client
    /// that never heard of it, has lost its place: were it handed out once more, two clients could mix their bytes in one
    /// file.
    async fn claim(&self, upload: Multipart<'_>, draft: &Draft) -> Result<bool, StorageError> {
        let mut holder = None;
        for _ in 0..CLAIM_TRIES {
            let replaced = holder.as_ref().map(|holder: &Holder| &holder.version);
            if self.write_incomplete(upload, draft, replaced).await?.is_ok() {
                if let Some(Holder { multipart, .. }) = &holder {
                    // Only now: nothing is acknowledged to an upload whose parts are gone. Should this fail, `expire`
                    // does it.
                    let _ = self.abort(Multipart { id: multipart, ..upload }).await;
                }
                return Ok(true);
            }
            holder = self.holder(&upload.grant.path).await?;
        }
        let _ = self.abort(upload).await;
        Ok(false)
    }
}
