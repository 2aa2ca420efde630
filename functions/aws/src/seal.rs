//! Sealing: an upload under `incoming/` becomes an object under `uploads/`, exactly once.
//!
//! Safe when it happens twice, late, or in several places at the same time: the conditional copy has
//! one winner, and a sealed object is never touched again.

use satchel_core::upload_path::UploadPath;

use crate::storage::{Incoming, Promotion, Storage, StorageError, Stored};

/// What sealing came to.
#[derive(Debug, Clone)]
pub enum Sealed {
    /// This upload has just become the object of its path.
    Promoted,
    /// It was already.
    Ours,
    /// Another upload was first; this one is discarded.
    Lost,
    /// Not the size that was granted; discarded.
    WrongSize,
    /// Gone, or replaced while we looked: whoever did that seals it.
    Gone,
}

/// Seals one upload.
///
/// # Errors
/// S3 failed; the upload stays under `incoming/` and can be sealed later.
pub async fn seal(storage: &Storage, incoming: &Incoming) -> Result<Sealed, StorageError> {
    let grant = &incoming.grant;
    if incoming.size != grant.size {
        storage.discard(grant).await?;
        return Ok(Sealed::WrongSize);
    }
    // For stores that ignore the copy's condition.
    if let Some(first) = storage.head(&grant.path).await? {
        return settle(storage, incoming, &first).await;
    }
    if storage.promote(incoming).await? == Promotion::Promoted {
        // Should this fail, the lifecycle rule for incoming/ removes the rest within a day.
        let _ = storage.discard(grant).await;
        return Ok(Sealed::Promoted);
    }
    match storage.head(&grant.path).await? {
        Some(first) => settle(storage, incoming, &first).await,
        None => Ok(Sealed::Gone),
    }
}

/// The path is taken: by this very upload, or by another.
async fn settle(storage: &Storage, incoming: &Incoming, first: &Stored) -> Result<Sealed, StorageError> {
    let _ = storage.discard(&incoming.grant).await;
    Ok(if first.is_of(&incoming.grant) { Sealed::Ours } else { Sealed::Lost })
}

/// The object of a path, and whether looking for it has sealed it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The object.
    pub stored: Stored,
    /// Bytes of the upload that has just become it.
    pub sealed: Option<u64>,
}

/// The object of a path, sealed on demand where its upload is complete but no event has come yet: the
/// recipient who is faster than the event gets the file.
///
/// # Errors
/// S3 failed.
pub async fn find(storage: &Storage, path: &UploadPath) -> Result<Option<Found>, StorageError> {
    if let Some(stored) = storage.head(path).await? {
        return Ok(Some(Found { stored, sealed: None }));
    }
    let mut sealed = None;
    for incoming in storage.incoming(path).await? {
        match seal(storage, &incoming).await? {
            Sealed::Promoted => sealed = Some(incoming.size),
            Sealed::Ours | Sealed::Lost => {}
            Sealed::WrongSize | Sealed::Gone => continue,
        }
        break;
    }
    // Even where nothing waited: the event may have sealed it between the first look and the list.
    Ok(storage.head(path).await?.map(|stored| Found { stored, sealed }))
}

/// Deletes the object of a path and all that waits to become it, which would bring the file back. Says
/// whether there was anything.
///
/// # Errors
/// S3 failed; some of it may be left.
pub async fn delete(storage: &Storage, path: &UploadPath) -> Result<bool, StorageError> {
    let waiting = storage.incoming(path).await?;
    for incoming in &waiting {
        storage.discard(&incoming.grant).await?;
    }
    let sealed = storage.head(path).await?.is_some();
    if sealed {
        storage.delete(path).await?;
    }
    Ok(sealed || !waiting.is_empty())
}
