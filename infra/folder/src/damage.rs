//! What is wrong with a file whose bytes are not what was written.

use std::io;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damage {
    #[error("the file {0} is missing")]
    Missing(String),
    #[error("the file {file} has {found} bytes for the object, {expected} were stored")]
    Length { file: String, found: u64, expected: u64 },
    #[error("the end of the file {0} is not as it was written")]
    Footer(String),
    #[error("the file {file} is not as it was written, in the 64 KiB from byte {start}")]
    Block { file: String, start: u64 },
    #[error("the bytes do not have the SHA-256 that they were stored with")]
    Digest,
}

/// Why bytes cannot be had: the disk fails, or what it gives is not what was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Damaged(#[from] Damage),
    #[error(transparent)]
    Io(#[from] io::Error),
}
