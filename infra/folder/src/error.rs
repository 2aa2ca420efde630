//! What can go wrong in the store: opening it, asking it for something it refuses, the disk failing.

use std::io;
use std::path::PathBuf;

/// What makes a new index from the files.
const REPAIR: &str = "`satchel repair` makes a new one from the files that are there";

/// Why a folder could not be opened as a store. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another `Store`) still had the folder open after the waiting time.
    #[error("{} is in use by another process; stop it or choose another folder", .0.display())]
    InUse(PathBuf),
    /// The folder was written by a version with another layout.
    #[error("{} has store format {found}, this program reads {supported}; use the version that wrote it", .folder.display())]
    UnknownFormat {
        /// The folder.
        folder: PathBuf,
        /// The format found in it.
        found: u64,
        /// The format this program reads and writes.
        supported: u64,
    },
    /// The folder was written before there was a release, with another kind of index.
    #[error("{} has an index.redb, which only development versions before 0.2 read; fetch the files with one of those, \
             or move the folder away to begin with an empty one", .0.display())]
    Redb(PathBuf),
    /// The folder or a file in it cannot be read or written.
    #[error("cannot use {}: {source}", .folder.display())]
    Io {
        /// The folder or file.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are files, or it is known that there was an index, and there is none.
    #[error("{} has no index (index.sqlite is missing or empty), so nothing is served or deleted: put the index back, or \
             {REPAIR}", .0.display())]
    IndexGone(PathBuf),
    /// The index belongs to another folder, or is an older copy than the files beside it.
    #[error("the index in {} is not the one that was there last ({what}), so nothing is served or deleted: put the right \
             one back, or {REPAIR} and this index", .folder.display())]
    IndexForeign {
        /// The folder.
        folder: PathBuf,
        /// How it differs.
        what: &'static str,
    },
    /// The index cannot be read.
    #[error("the index in {} is damaged ({cause}), so nothing is served or deleted: {REPAIR}", .folder.display())]
    IndexDamaged {
        /// The folder.
        folder: PathBuf,
        /// What SQLite said.
        cause: String,
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
    Index(rusqlite::Error),
    /// The batch that carried this write failed as a whole; whether it took effect is unknown.
    #[error("the write could not be committed: {cause}")]
    NotCommitted {
        /// What the index said, as text because every write of the batch gets a copy.
        cause: String,
    },
    /// What is stored cannot be read any more. It is never taken for absent.
    #[error("{what} is damaged: {cause}")]
    Damaged {
        /// The object, or a part of the index.
        what: String,
        /// How that was noticed.
        cause: String,
    },
    /// A file could not be read or written.
    #[error("file: {0}")]
    Io(io::Error),
    /// There is no room for more. Reading and deleting go on.
    #[error("the disk is full: {free} bytes are free, {floor} are kept for deleting and for the index")]
    Full {
        /// In bytes.
        free: u64,
        /// In bytes.
        floor: u64,
    },
    /// The folder is not where it was, or is another one.
    #[error("the data folder was removed or replaced while it was in use; put it back, or restart")]
    FolderGone,
    /// The request's body failed on its way here.
    #[error("body: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// The system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the disk had no room, however it said so.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Io(error) => is_full(error),
            Self::Index(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
            _ => false,
        }
    }
}

/// Whether an error of the system is about room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => {
                // SQLite takes a disk that fails to read for one that has changed what was written.
                let cause =
                    format!("{error}; if the system's log has no errors of the disk, stop and repair it: {REPAIR}");
                Self::Damaged { what: "the index".into(), cause }
            }
            _ => Self::Index(error),
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<tokio::task::JoinError> for StoreError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Io(io::Error::other(error))
    }
}
