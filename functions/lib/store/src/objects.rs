//! Files: created once, never changed, read, removed.

use std::{ops::Range, pin::Pin};

use bytes::Bytes;
use futures_util::Stream;
use satchel_core::{
    content_type::ContentType,
    digest::Sha256Digest,
    grant::{Grant, UploadId},
    metadata::Metadata,
    time::Timestamp,
    upload_path::UploadPath,
};

use crate::error::{BodyError, CreateError, StoreError};

/// An upload that was granted, not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// What may be stored, and where.
    pub grant: Grant,
    /// What its bytes must come to, where the client said so.
    pub digest: Option<Sha256Digest>,
}

/// A body in pieces.
pub type Pieces<E> = Pin<Box<dyn Stream<Item = Result<Bytes, E>> + Send>>;

/// The bytes of an upload.
pub enum Body {
    /// All of them are here.
    Whole(Bytes),
    /// They are on their way. What was granted says how many; the stream ends with an error where others come.
    Streamed(Pieces<BodyError>),
}

/// What storing a body came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// The object is there now, and it is ours.
    Created,
    /// The same bytes came with the same token before, as this upload. Its answer may have got lost.
    Repeated(UploadId),
    /// Another object was first; nothing has changed.
    Exists,
}

/// A sealed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Bytes.
    pub size: u64,
    /// The type to serve.
    pub content_type: ContentType,
    /// Owner, expiry, upload id.
    pub metadata: Metadata,
    /// When it was stored.
    pub modified: Timestamp,
    /// What names these very bytes at this path, in quotes (RFC 9110, section 8.8.3).
    pub etag: String,
}

impl Stored {
    /// Whether it was made by this very upload.
    #[must_use]
    pub fn is_of(&self, grant: &Grant) -> bool {
        self.metadata.upload == Some(grant.id)
    }
}

/// A sealed object that was looked for.
#[derive(Debug, Clone)]
pub struct Found<R> {
    /// What is known of it.
    pub stored: Stored,
    /// Bytes of the upload that looking for it has sealed on the way: it counts once.
    pub sealed: Option<u64>,
    /// Its bytes.
    pub reader: R,
}

/// Where uploads become files.
pub trait Objects: Clone + Send + Sync + 'static {
    /// Gives the bytes of a file out.
    type Reader: Reader;

    /// Stores an upload where there is nothing. Of any number at the same path one wins, and the others hear `Exists`.
    /// Whole, durable and indexed when this returns; after an error, or where the future is dropped, all of it or
    /// nothing.
    ///
    /// # Errors
    /// The store failed; the body broke off, or is not what was announced.
    fn create(&self, upload: &NewUpload, body: Body) -> impl Future<Output = Result<Creation, CreateError>> + Send;

    /// What is sealed at this moment, expired files too.
    ///
    /// # Errors
    /// The store failed.
    fn head(&self, path: &UploadPath) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// As [`Objects::head`], but a complete upload is found even if nobody has sealed it yet.
    ///
    /// # Errors
    /// The store failed.
    fn find(&self, path: &UploadPath) -> impl Future<Output = Result<Option<Found<Self::Reader>>, StoreError>> + Send;

    /// Removes a file and all that waits to become it. Says whether there was anything.
    ///
    /// # Errors
    /// The store failed; some of it may be left.
    fn remove(&self, path: &UploadPath) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// The bytes of a file that was found.
pub trait Reader: Clone + Send + Sync + 'static {
    /// A range within its size, of the bytes that were found. A folder gives them to their end even if the file is
    /// deleted meanwhile; S3 may fail then, but gives no other bytes.
    ///
    /// # Errors
    /// The store failed, or what is stored there is damaged.
    fn read(&self, range: Range<u64>) -> impl Future<Output = Result<Pieces<StoreError>, StoreError>> + Send;

    /// The same of bytes that come after others in one answer: opened now, where holding them open holds up nothing else
    /// than the file, or when their turn comes.
    ///
    /// # Errors
    /// As [`Reader::read`]; also later, as the first piece.
    fn read_later(&self, range: Range<u64>) -> impl Future<Output = Result<Pieces<StoreError>, StoreError>> + Send {
        self.read(range)
    }
}
