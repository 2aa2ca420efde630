//! Sealing: an upload under `incoming/` becomes an object under `uploads/`, exactly once.
//!
//! Safe when it happens twice, late, or in several places at the same time: the conditional copy has
//! one winner, and a sealed object is never touched again.

use satchel_core::{grant::Grant, upload_path::UploadPath};

use crate::{
    error::StoreError,
    objects::{Objects, Stored},
};

/// An upload that waits under `incoming/`, where clients of S3 put it.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// What was granted.
    pub grant: Grant,
    /// Bytes there are.
    pub size: u64,
    /// Which bytes they are.
    pub etag: String,
}

/// What copying an upload to its place came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promotion {
    /// The object is there now, and it is ours.
    Promoted,
    /// There is an object already, or the source is not what it was, or gone.
    Refused,
}

/// A store that others than the functions write to.
pub trait Sealing: Objects {
    /// The uploads that wait for a path (of a thousand, should there be more), the oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn incoming(&self, path: &UploadPath) -> impl Future<Output = Result<Vec<Incoming>, StoreError>> + Send;

    /// Copies an upload to its place, the grant becoming its metadata, unless there is an object or the
    /// source has changed since it was looked at; with its entry in the index of expiries, where it needs one.
    ///
    /// # Errors
    /// The store failed.
    fn promote(&self, incoming: &Incoming) -> impl Future<Output = Result<Promotion, StoreError>> + Send;

    /// Deletes what waits for a grant.
    ///
    /// # Errors
    /// The store failed.
    fn discard(&self, grant: &Grant) -> impl Future<Output = Result<(), StoreError>> + Send;
}

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
/// The store failed; the upload stays under `incoming/` and can be sealed later.
pub async fn seal<S: Sealing>(store: &S, incoming: &Incoming) -> Result<Sealed, StoreError> {
    let grant = &incoming.grant;
    if incoming.size != grant.size {
        store.discard(grant).await?;
        return Ok(Sealed::WrongSize);
    }
    // For stores that ignore the copy's condition.
    if let Some(first) = store.head(&grant.path).await? {
        return settle(store, incoming, &first).await;
    }
    if store.promote(incoming).await? == Promotion::Promoted {
        // Should this fail, the lifecycle rule for incoming/ removes the rest within a day.
        let _ = store.discard(grant).await;
        return Ok(Sealed::Promoted);
    }
    match store.head(&grant.path).await? {
        Some(first) => settle(store, incoming, &first).await,
        None => Ok(Sealed::Gone),
    }
}

/// The path is taken: by this very upload, or by another.
async fn settle<S: Sealing>(store: &S, incoming: &Incoming, first: &Stored) -> Result<Sealed, StoreError> {
    let _ = store.discard(&incoming.grant).await;
    Ok(if first.is_of(&incoming.grant) { Sealed::Ours } else { Sealed::Lost })
}

/// Seals what waits for a path, as no event has come yet: the recipient who is faster than the event gets the file.
/// Gives the bytes that have become it.
///
/// # Errors
/// The store failed.
pub async fn seal_on_demand<S: Sealing>(store: &S, path: &UploadPath) -> Result<Option<u64>, StoreError> {
    for incoming in store.incoming(path).await? {
        match seal(store, &incoming).await? {
            Sealed::Promoted => return Ok(Some(incoming.size)),
            Sealed::Ours | Sealed::Lost => return Ok(None),
            Sealed::WrongSize | Sealed::Gone => {}
        }
    }
    Ok(None)
}

/// Deletes all that waits to become the file of a path, which would bring it back; says whether there was anything.
///
/// # Errors
/// The store failed; some of it may be left.
pub async fn discard_all<S: Sealing>(store: &S, path: &UploadPath) -> Result<bool, StoreError> {
    let waiting = store.incoming(path).await?;
    for incoming in &waiting {
        store.discard(&incoming.grant).await?;
    }
    Ok(!waiting.is_empty())
}
