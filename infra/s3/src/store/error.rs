//! What can go wrong in the store: opening it, asking it for something it refuses, the disk failing.

use std::io;
use std::path::PathBuf;

/// Why a folder could not be opened as a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another `Store`) still had the folder open after the waiting time.
    #[error("{} is in use by another process; stop it or choose another folder", .0.display())]
    InUse(PathBuf),
    /// The folder was written by a version with another layout.
    #[error("{} has store format {found}, this program reads {supported}", .folder.display())]
    UnknownFormat {
        /// The folder.
        folder: PathBuf,
        /// The format found in it.
        found: u64,
        /// The format this program reads and writes.
        supported: u64,
    },
    /// The folder or a file in it cannot be read or written.
    #[error("cannot use {}: {source}", .folder.display())]
    Io {
        /// The folder or file.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index is damaged or cannot be read.
    #[error("cannot open the index in {}: {source}", .folder.display())]
    Index {
        /// The folder.
        folder: PathBuf,
        /// What redb said.
        source: Box<redb::Error>,
    },
}

/// Why the store refuses a well-formed request. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// S3 does not allow the bucket's name.
    #[error("a bucket name has 3 to 63 lower-case letters, digits, dots and hyphens")]
    InvalidBucketName,
    /// The bucket does not exist.
    #[error("the bucket does not exist")]
    NoSuchBucket,
    /// The bucket still holds objects or unfinished uploads.
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    /// The object does not exist.
    #[error("the key does not exist")]
    NoSuchKey,
    /// The multipart upload does not exist: never begun, finished or aborted.
    #[error("the multipart upload does not exist")]
    NoSuchUpload,
    /// `If-Match` or `If-None-Match` does not hold.
    #[error("a precondition does not hold: {condition}")]
    PreconditionFailed {
        /// The header that does not hold.
        condition: &'static str,
    },
    /// A part named in the completion was not uploaded, or its ETag differs.
    #[error("part {number} was not uploaded or its ETag differs")]
    InvalidPart {
        /// The part's number.
        number: u32,
    },
    /// The parts of the completion are not in ascending order, or there are none.
    #[error("parts must be listed in ascending order, at least one")]
    InvalidPartOrder,
    /// A part other than the last is below 5 MiB.
    #[error("part {number} has {size} bytes; all but the last need 5 MiB")]
    EntityTooSmall {
        /// The part's number.
        number: u32,
        /// Its size in bytes.
        size: u64,
    },
    /// The body ended before, or went on after, the length that was announced.
    #[error("the body has {received} bytes, announced were {announced}")]
    IncompleteBody {
        /// Bytes received (at least).
        received: u64,
        /// Bytes announced.
        announced: u64,
    },
    /// The body does not match the digest that came with it.
    #[error("the body does not match {digest}")]
    BadDigest {
        /// The header or trailer that named the digest.
        digest: &'static str,
    },
    /// The digest header is not base64 of the right length.
    #[error("{digest} is not a valid digest")]
    InvalidDigest {
        /// The header or trailer.
        digest: &'static str,
    },
}

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The request is refused; see [`Refusal`].
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The index failed; whether a write took effect is unknown.
    #[error("index: {0}")]
    Index(#[from] Box<redb::Error>),
    /// The batch that carried this write failed as a whole; whether it took effect is unknown.
    #[error("the write could not be committed: {cause}")]
    NotCommitted {
        /// What the index said, as text because every write of the batch gets a copy.
        cause: String,
    },
    /// A record in the index cannot be read.
    #[error("unreadable record in the index: {0}")]
    Record(#[from] postcard::Error),
    /// A blob file could not be read or written.
    #[error("blob: {0}")]
    Io(#[from] io::Error),
    /// The request's body failed on its way here.
    #[error("body: {0}")]
    Body(s3s::StdError),
    /// The system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// redb has an error type per call; all of them are one cause here. Boxed, as the type is large.
macro_rules! index_errors {
    ($($from:ty),*) => { $(impl From<$from> for StoreError {
        fn from(error: $from) -> Self { Self::Index(Box::new(error.into())) }
    })* };
}
index_errors!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError);

impl From<tokio::task::JoinError> for StoreError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Io(io::Error::other(error))
    }
}
