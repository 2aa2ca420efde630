//! Everything that can go wrong with a resumable upload. What the protocol refuses has its answers in
//! `crate::refusal`.

use http::StatusCode;
use satchel_core::{
    checksum::ChecksumError,
    credential::CredentialError,
    outcome::{Failure, Field, REASON, cause, reason},
    problem::Problem,
    put::PutRefusal,
    route::RouteError,
};
use satchel_store::{BodyError, ChunkError, StoreError};

use crate::refusal::ResumeRefusal;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The address is wrong.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The protocol, or the token, does not allow it.
    #[error(transparent)]
    Refused(#[from] ResumeRefusal),
    /// The chunk broke off, and nothing of it was kept.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// It broke off, and what came of it was kept.
    #[error("the chunk broke off; what came of it is kept: ask with HEAD for the offset and go on from there")]
    BrokenOff {
        /// Bytes that were kept.
        kept: u64,
        /// How it broke off.
        #[source]
        cause: BodyError,
    },
    /// The store failed.
    #[error("the file store is not available; nothing that was acknowledged is lost, try again")]
    Storage(#[from] StoreError),
    /// It took too long.
    #[error("the file store does not answer in time; nothing that was acknowledged is lost, try again")]
    Hangs,
    /// No randomness.
    #[error("the upload could not be prepared; try again")]
    Randomness(#[from] getrandom::Error),
}

impl From<PutRefusal> for ResumeError {
    fn from(refusal: PutRefusal) -> Self {
        ResumeRefusal::from(refusal).into()
    }
}

impl From<CredentialError> for ResumeError {
    fn from(error: CredentialError) -> Self {
        PutRefusal::from(error).into()
    }
}

impl ResumeError {
    /// Why nothing of a chunk was taken, in an upload of `length` bytes.
    pub(crate) fn of_chunk(error: ChunkError, length: u64) -> Self {
        match error {
            ChunkError::Store(error) => error.into(),
            ChunkError::Body(error) => error.into(),
            ChunkError::Mismatch => ResumeRefusal::Checksum(ChecksumError::Mismatch).into(),
            ChunkError::TooLong => ResumeRefusal::TooLong { length }.into(),
        }
    }
}

impl Failure for ResumeError {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Route(error) => return error.problem(),
            Self::Refused(refusal) => return refusal.problem(),
            Self::Body(error) => return error.problem(),
            Self::BrokenOff { cause, .. } => (cause.problem().status, cause.problem().code),
            Self::Storage(error) if error.is_full() => return StoreError::full(),
            Self::Storage(_) | Self::Hangs => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
            Self::Randomness(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not_prepared"),
        };
        Problem::new(status, code, self.to_string())
    }

    fn fields(&self) -> Vec<Field> {
        match self {
            Self::Refused(refusal) => refusal.fields(),
            Self::Storage(error) => cause(error),
            Self::BrokenOff { kept, .. } => {
                vec![(REASON.into(), self.to_string().into()), ("chunk_bytes".into(), (*kept).into())]
            }
            other => reason(other),
        }
    }
}
