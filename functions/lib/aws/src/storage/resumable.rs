//! Resumable uploads on S3: a multipart upload of the final key, and beside it the one truth about how far it is. Every
//! sequence here may break off at any point, and whoever comes next goes on from what S3 has.

mod begin;
mod end;
pub mod incomplete;
pub mod multipart;
pub mod pieces;
pub mod progress;
mod slices;
mod transfer;

use satchel_core::{grant::Grant, upload_metadata::UploadMetadata};
use satchel_store::{Abandoned, Appended, Begun, Chunk, ChunkError, Creation, Partial, Resumable, Standing, Stored};

use self::{
    incomplete::Incomplete,
    multipart::Multipart,
    pieces::Pieces,
    slices::{Slice, Slices},
};
use super::{OfS3, Storage, StorageError};

impl Resumable for Storage {
    async fn begin(&self, grant: &Grant, said: &UploadMetadata, first: Chunk) -> Result<Begun, ChunkError> {
        let mut slices = Slices::of(first, grant.size).await?;
        Box::pin(self.begin_with(grant, said, &mut slices)).await
    }

    async fn standing(&self, upload: Partial<'_>) -> Result<Standing, StorageError> {
        Box::pin(self.stands(upload)).await
    }

    async fn append(&self, upload: Partial<'_>, offset: u64, chunk: Chunk) -> Result<Appended, ChunkError> {
        let mut slices = Slices::of(chunk, upload.grant.size.saturating_sub(offset)).await?;
        Box::pin(self.append_all(upload, offset, &mut slices)).await
    }

    async fn abandon(&self, upload: Partial<'_>) -> Result<Abandoned, StorageError> {
        Box::pin(self.end(upload)).await
    }
}

/// Why a sequence has stopped.
#[derive(Debug)]
enum Stop {
    Store(StorageError),
    Conflict { offset: u64 },
    TooLong,
    Overtaken,
    Exists,
    Gone,
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Self::Store(error)
    }
}

impl Stop {
    fn into_appended(self) -> Result<Appended, ChunkError> {
        match self {
            Self::Store(error) => Err(error.into()),
            Self::TooLong => Err(ChunkError::TooLong),
            Self::Conflict { offset } => Ok(Appended::Conflict { offset }),
            Self::Overtaken => Ok(Appended::Overtaken),
            Self::Exists => Ok(Appended::Exists),
            Self::Gone => Ok(Appended::Gone),
        }
    }

    /// For the log, where nobody is told of it.
    fn into_error(self) -> StorageError {
        let cause = match self {
            Self::Store(error) => return error,
            Self::Conflict { .. } | Self::TooLong | Self::Overtaken => "another request was faster",
            Self::Exists => "there is another file",
            Self::Gone => "the upload is gone",
        };
        StorageError::of("UploadPart", cause)
    }
}

impl Storage {
    /// Stores a chunk slice by slice. Those before one that is not taken are kept.
    async fn append_all(&self, upload: Partial<'_>, offset: u64, slices: &mut Slices) -> Result<Appended, ChunkError> {
        let (mut at, mut put_off) = (offset, None);
        loop {
            let Slice { pieces, end } = slices.next().await;
            let size = pieces.len();
            // An empty chunk is one, too: with the last byte there it finishes what was interrupted.
            if size > 0 || at == offset && !matches!(end, Some(Err(_))) {
                match self.add(upload, at, pieces).await {
                    Ok(added) => (at, put_off) = (at + size, added),
                    Err(stop) => return stop.into_appended(),
                }
            }
            match end {
                None => {}
                Some(Ok(())) => return Ok(Appended::Stored { offset: at, put_off }),
                Some(Err(cause)) if at == offset => return Err(cause.into()),
                Some(Err(cause)) => return Ok(Appended::Broken { offset: at, cause }),
            }
        }
    }

    async fn under_way<'a>(&self, upload: Partial<'a>) -> Result<Option<(Multipart<'a>, Incomplete)>, StorageError> {
        let Some(id) = upload.name else { return Ok(None) };
        let multipart = Multipart { grant: upload.grant, id };
        Ok(self.incomplete(multipart).await?.map(|found| (multipart, found)))
    }

    /// The file of an upload that is not under way; it has become that, or nothing.
    async fn ended(&self, grant: &Grant) -> Result<Option<Stored>, StorageError> {
        Ok(self.head(&grant.path).await?.filter(|stored| stored.is_of(grant)))
    }
}
