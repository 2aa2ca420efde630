//! Everything that can go wrong with a resumable upload. What the protocol refuses has its answers in
//! `satchel_core::resume::refusal`.

use http::{Method, StatusCode};
use lambda_http::{Body, Response};
use satchel_aws::{answer, log, storage::StorageError};
use satchel_core::{
    credential::{Credential, CredentialError},
    problem::Problem,
    put::PutRefusal,
    resume::refusal::ResumeRefusal,
    route::RouteError,
};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The address is wrong.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The protocol, or the token, does not allow it.
    #[error(transparent)]
    Refused(#[from] ResumeRefusal),
    /// S3 failed.
    #[error("the file store is not available; nothing that was acknowledged is lost, try again")]
    Storage(#[from] StorageError),
    /// S3 took too long.
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
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Refused(refusal) => return refusal.problem(),
            Self::Storage(error) if error.is_full() => return StorageError::full(),
            Self::Route(RouteError::NotFound) => (StatusCode::NOT_FOUND, "no_such_address"),
            Self::Route(RouteError::Path(_)) => (StatusCode::BAD_REQUEST, "path_malformed"),
            Self::Storage(_) | Self::Hangs => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
            Self::Randomness(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not_prepared"),
        };
        Problem::new(status, code, self.to_string())
    }

    /// The answer, with what the log line should say beyond it: the messages that were MACed (never the secret or the
    /// MAC), or what S3 said.
    pub(crate) fn answer(&self, method: &Method) -> Response<Body> {
        let mut response = answer::refusal(method, &self.problem());
        match self {
            Self::Refused(ResumeRefusal::Token(PutRefusal::MacMismatch { messages, .. })) => {
                let messages: Vec<String> = messages.iter().map(|message| Credential::without_jwts(message)).collect();
                log::note(&mut response, "signed_messages", messages);
            }
            Self::Storage(cause) => log::note(&mut response, "cause", cause.to_string()),
            other => log::note(&mut response, "reason", other.to_string()),
        }
        response
    }
}
