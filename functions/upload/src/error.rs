//! Everything that can go wrong with an upload, and the one place that says how it is answered.

use http::StatusCode;
use satchel_aws::presign::PresignError;
use satchel_core::{
    credential::{Credential, CredentialError},
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
            Self::Refused(refusal) => return refusal.problem(),
            Self::Body(error) => return error.problem(),
            Self::Storage(error) if error.is_full() => return StoreError::full(),
            Self::Route(RouteError::NotFound) => (StatusCode::NOT_FOUND, "no_such_address"),
            Self::Route(RouteError::Path(_)) => (StatusCode::BAD_REQUEST, "path_malformed"),
            Self::Length(LengthError::Malformed(_)) => (StatusCode::BAD_REQUEST, "length_malformed"),
            Self::Length(LengthError::Missing) => (StatusCode::LENGTH_REQUIRED, "length_required"),
            Self::Length(LengthError::Mismatch { .. }) => (StatusCode::PAYLOAD_TOO_LARGE, "size_mismatch"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Digest(DigestError::Mismatch) => (StatusCode::BAD_REQUEST, "digest_mismatch"),
            Self::Digest(_) => (StatusCode::BAD_REQUEST, "digest_malformed"),
            Self::ContentType(_) => (StatusCode::BAD_REQUEST, "content_type_malformed"),
            Self::KeptBack => (StatusCode::BAD_REQUEST, "body_required"),
            Self::Exists => (StatusCode::CONFLICT, "file_exists"),
            Self::NotFound => (StatusCode::NOT_FOUND, "file_not_found"),
            Self::Storage(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
            Self::Presign(_) | Self::Randomness(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not_prepared"),
        };
        Problem::new(status, code, self.to_string())
    }

    /// The messages that were MACed (never the secret or the MAC), or what S3 said.
    fn fields(&self) -> Vec<Field> {
        match self {
            // Those of a deletion would hold a secret, and are not there.
            Self::Refused(PutRefusal::MacMismatch { messages, .. }) if !messages.is_empty() => {
                let messages: Vec<String> = messages.iter().map(|message| Credential::without_jwts(message)).collect();
                vec![("signed_messages".into(), messages.into())]
            }
            Self::Storage(error) => cause(error),
            Self::Presign(error) => cause(format!("{error:?}")),
            other => reason(other),
        }
    }
}
