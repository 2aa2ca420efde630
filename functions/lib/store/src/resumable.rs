//! Uploads in chunks: begun, added to at their end, and a file with their last byte.

use bytes::Bytes;
use satchel_core::{
    checksum::Checksum,
    grant::{Grant, UploadId},
    upload_metadata::UploadMetadata,
};

use crate::{
    error::{BodyError, StoreError},
    objects::Body,
};

/// A store's own name of an upload that is not a file yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialName(String);

impl PartialName {
    /// Takes what the store gave.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As the store gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An upload that was begun, and may have become a file since.
#[derive(Debug, Clone, Copy)]
pub struct Partial<'a> {
    /// What was granted.
    pub grant: &'a Grant,
    /// What the store has called it; `None` for one that came as a whole.
    pub name: Option<&'a PartialName>,
}

/// Some bytes of an upload.
pub struct Chunk {
    /// The bytes.
    pub body: Body,
    /// How many they are, as far as it is known before they have come.
    pub length: Option<u64>,
    /// What they must come to: before they have, none of them counts.
    pub checksum: Option<Checksum>,
}

impl Chunk {
    /// Bytes that are here, and have been checked.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self { length: Some(bytes.len() as u64), body: Body::Whole(bytes), checksum: None }
    }
}

/// Why nothing of a chunk was taken.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// The store failed; whether the chunk is stored is unknown then. Who asks how far the upload is, knows.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It broke off before there was anything to keep.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// It does not have its checksum.
    #[error("the chunk does not have the announced checksum")]
    Mismatch,
    /// It goes beyond the end of the upload.
    #[error("the chunk goes beyond the end of the upload")]
    TooLong,
}

/// What beginning an upload came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is under way, and so many bytes of it are there.
    Unfinished {
        /// What the store calls it.
        name: PartialName,
        /// Bytes there are.
        offset: u64,
    },
    /// All of it came along, and is a file: that of this upload, or the very same one of an earlier one.
    Complete(UploadId),
    /// There is another file.
    Exists,
    /// Others that began at the same path at the same moment were faster, time and again.
    Overtaken,
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is under way.
    Unfinished {
        /// Bytes there are.
        offset: u64,
        /// What its client has said of it.
        said: UploadMetadata,
    },
    /// It is a file.
    Complete {
        /// What its client has said of it.
        said: UploadMetadata,
    },
    /// All its bytes are there, and another file was first.
    Exists,
    /// It is neither.
    Gone,
}

/// What adding a chunk came to.
#[derive(Debug)]
pub enum Appended {
    /// All of it is there.
    Stored {
        /// Bytes there are now; with the last of the upload it is a file.
        offset: u64,
        /// What is still to be done, and will be with the next chunk: for the log.
        put_off: Option<StoreError>,
    },
    /// It broke off, and what came of it is there.
    Broken {
        /// Bytes there are now.
        offset: u64,
        /// How it broke off.
        cause: BodyError,
    },
    /// The upload is at another offset.
    Conflict {
        /// Bytes there are.
        offset: u64,
    },
    /// Another request was faster.
    Overtaken,
    /// Another file was first.
    Exists,
    /// The upload was ended, or another took its place.
    Gone,
}

/// What ending an upload came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandoned {
    /// It was there, and no more.
    Done,
    /// Chunks came between it and its end, time and again.
    Overtaken,
    /// It had ended already.
    Gone,
}

/// Where uploads come in chunks. A path has one upload at a time: beginning another ends the one before, so that a token
/// holds the space of one however often it is used.
pub trait Resumable: Clone + Send + Sync + 'static {
    /// Begins an upload of the file of a grant, unless there is one, with the bytes that came along, which may be none.
    /// With all of them it is [`crate::Objects::create`]. Until the last one has come nothing is at the path.
    ///
    /// # Errors
    /// The store failed, or the bytes are not what they should be; nothing has begun then.
    fn begin(
        &self,
        grant: &Grant,
        said: &UploadMetadata,
        first: Chunk,
    ) -> impl Future<Output = Result<Begun, ChunkError>> + Send;

    /// How far an upload is: bytes that are kept whatever happens.
    ///
    /// # Errors
    /// The store failed.
    fn standing(&self, upload: Partial<'_>) -> impl Future<Output = Result<Standing, StoreError>> + Send;

    /// Adds a chunk to exactly so many bytes. Of two at one offset one is stored. What it says is there is durable; with
    /// the upload's last byte it is a file, as by [`crate::Objects::create`]. What has come of a body that breaks off is
    /// kept, unless it has a checksum.
    ///
    /// # Errors
    /// The store failed, or the bytes are not what they should be; nothing of them is kept then.
    fn append(
        &self,
        upload: Partial<'_>,
        offset: u64,
        chunk: Chunk,
    ) -> impl Future<Output = Result<Appended, ChunkError>> + Send;

    /// Ends an upload: one that is under way, to which nothing is added from then on, or the file that it has become. A
    /// file of another upload stays.
    ///
    /// # Errors
    /// The store failed; some of it may be left.
    fn abandon(&self, upload: Partial<'_>) -> impl Future<Output = Result<Abandoned, StoreError>> + Send;
}
