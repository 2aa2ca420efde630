//! What can go wrong with a store, and with a body on its way there.

use http::StatusCode;
use satchel_core::{digest::DigestError, outcome::Failure, problem::Problem};

/// A store said no, or nothing at all. The message is for the log, never for a client.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{store} {operation} failed: {cause}")]
pub struct StoreError {
    /// Which store, as a person calls it.
    pub store: &'static str,
    /// What it was asked.
    pub operation: &'static str,
    /// What it said.
    pub cause: String,
    /// What that means for whoever asked.
    pub kind: Kind,
}

/// What a failure of a store means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No answer, or none in time: it may be there again in a moment.
    Unavailable,
    /// No room for more: nothing was written, reading and deleting go on. S3 at AWS never says so; stores on a disk do
    /// (507, RFC 4918 section 11.5).
    Full,
    /// What is stored there is not what was stored. Trying again does not help.
    Damaged,
}

impl StoreError {
    /// Whether there is no room for more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kind == Kind::Full
    }

    /// Whether the file cannot be had any more.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.kind == Kind::Damaged
    }

    /// What clients are told of a full store: 507 `storage_full`.
    #[must_use]
    pub fn full() -> Problem {
        let text = "the file store is full; nothing was stored, try again later or tell the administrator";
        Problem::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", text.to_owned())
    }
}

/// The slowest body that is waited for, in bytes a second: a modem's tenth. A slower one holds a connection and nothing
/// else.
pub const SLOWEST: u64 = 256;

/// Why a body did not come to its end. Nothing of it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The client went away, or sent less than it said.
    #[error("the body ended early; nothing was stored, send it again")]
    Incomplete,
    /// Nothing came for a minute.
    #[error("no byte of the body came for a minute; nothing was stored, send it again")]
    Stalled,
    /// It came, but hardly.
    #[error(
        "the body came at less than {SLOWEST} bytes a second; nothing was stored, send it again over a faster line"
    )]
    TooSlow,
    /// More than was announced.
    #[error("the body is longer than allowed")]
    TooLong,
}

/// What the client is told, should there be anybody left to read it.
impl Failure for BodyError {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Incomplete => (StatusCode::BAD_REQUEST, "body_incomplete"),
            Self::Stalled | Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "body_stalled"),
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        };
        Problem::new(status, code, self.to_string())
    }
}

/// Why an upload was not stored.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The store failed; whether the object exists is unknown then, and doing it again is safe.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client's side broke off.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body is another than was announced.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// More than the store takes at once, in bytes. Nothing of the body was read.
    #[error("the store takes no more than {0} bytes at once")]
    TooLarge(u64),
}
