//! Everything that can go wrong with an upload, and the one place that says how it is answered.

use http::StatusCode;
use satchel_aws::presign::PresignError;
use satchel_core::{
    credential::CredentialError,
    digest::DigestError,
    head::{ContentTypeNotText, LengthError},
    outcome::{Failure, Field, cause, reason},
    problem::Problem,
    put::PutRefusal,
    route::RouteError,
    upload_path::PathError,
};
use satchel_store::{BodyError, CreateError, StoreError};

/// Why an upload or deletion failed.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The address is wrong.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The lengths make no sense.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// The token allows no such upload.
    #[error(transparent)]
    Refused(#[from] PutRefusal),
    /// The digest header is unreadable or does not fit.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The Content-Type header is not ASCII.
    #[error(transparent)]
    ContentType(#[from] ContentTypeNotText),
    /// Files go into a folder, and no client reaches an S3 that the body could be sent to.
    #[error("files are stored here, and no other address takes the body: send it here, with this PUT's token")]
    KeptBack,
    /// A stored file is never overwritten.
    #[error("there is a file at this address already; ask for a new slot")]
    Exists,
    /// Nothing to delete.
    #[error("there is no file at this address")]
    NotFound,
    /// The client's side of a streamed body broke off.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The store takes no such body at once, whatever the token allows.
    #[error(
        "the file store takes no more than {} MiB in one request; send the file by a resumable upload (tus)", .0 >> 20
    )]
    TooLarge(u64),
    /// The store failed.
    #[error("the file store is not available; nothing is lost, try again")]
    Storage(#[from] StoreError),
    /// Signing failed.
    #[error("the upload could not be prepared; try again")]
    Presign(#[from] PresignError),
    /// No randomness.
    #[error("the upload could not be prepared; try again")]
    Randomness(#[from] getrandom::Error),
}

impl From<CredentialError> for UploadError {
    fn from(error: CredentialError) -> Self {
        PutRefusal::from(error).into()
    }
}

impl From<CreateError> for UploadError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Store(error) => error.into(),
            CreateError::Body(error) => error.into(),
            CreateError::Digest(error) => error.into(),
            CreateError::TooLarge(most) => Self::TooLarge(most),
        }
    }
}

impl From<PathError> for UploadError {
    fn from(error: PathError) -> Self {
        PutRefusal::from(error).into()
    }
}

impl Failure for UploadError {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Route(error) => return error.problem(),
            Self::Length(error) => return error.problem(),
            Self::Digest(error) => return error.problem(),
            Self::ContentType(error) => return error.problem(),
            Self::Refused(refusal) => return refusal.problem(),
            Self::Body(error) => return error.problem(),
            Self::Storage(error) if error.is_full() => return StoreError::full(),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::KeptBack => (StatusCode::BAD_REQUEST, "body_required"),
            Self::Exists => (StatusCode::CONFLICT, "file_exists"),
            Self::NotFound => (StatusCode::NOT_FOUND, "file_not_found"),
            Self::Storage(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
            Self::Presign(_) | Self::Randomness(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not_prepared"),
        };
        Problem::new(status, code, self.to_string())
    }

    fn fields(&self) -> Vec<Field> {
        match self {
            Self::Refused(refusal) => refusal.fields(),
            Self::Storage(error) => cause(error),
            Self::Presign(error) => cause(&format!("{error:?}")),
            other => reason(other),
        }
    }
}
