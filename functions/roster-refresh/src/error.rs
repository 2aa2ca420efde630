//! Everything that can go wrong with a refresh, and the one place that says how it is answered.

use http::{Method, StatusCode, header::WWW_AUTHENTICATE};
use lambda_http::{Body, Response};
use satchel_aws::{
    answer,
    log::{self, EventFailure},
    s3_event::S3EventError,
};
use satchel_core::problem::Problem;
use satchel_store::editor::DocumentError;

use crate::{prosody::Broken, refresh::UsernamesError};

/// Why Prosody is not told. (Where it was to be told and could not, the answer has the shape of its own.)
#[derive(Debug, thiserror::Error)]
pub enum RosterRefreshError {
    /// The address is wrong.
    #[error("there is nothing at this address; refreshes are POSTed to /contacts/refresh")]
    NoSuchAddress,
    /// Not one of the callers.
    #[error(
        "this address takes the credentials it was configured with (HTTP authentication by user name and password)"
    )]
    Unauthorized,
    /// A parameter that is neither true nor false.
    #[error("the parameter 'replace' is either true or false")]
    Flag,
    /// The body.
    #[error(transparent)]
    Usernames(#[from] UsernamesError),
    /// Replacing writes rosters.
    #[error("replace=true writes rosters: set SATCHEL_BUCKET for roster-refresh")]
    NoBucket,
    /// Before anything was told.
    #[error("the roster store is not available or holds something unreadable; nothing has changed, try again")]
    Document(#[from] DocumentError),
    /// After it was.
    #[error(
        "the changed contacts are still left out of some rosters, for a minute at most, as the roster store is not \
         available; repeat the request"
    )]
    StillHidden(#[source] DocumentError),
    /// No event of S3's.
    #[error(transparent)]
    Event(#[from] S3EventError),
    /// Prosody could not be told of an event.
    #[error("{message} ({code})")]
    Prosody {
        /// Stable.
        code: &'static str,
        /// What happened.
        message: String,
    },
}

impl EventFailure for RosterRefreshError {}

impl From<Broken> for RosterRefreshError {
    fn from(broken: Broken) -> Self {
        Self::Prosody { code: broken.failure.code(), message: broken.report.message }
    }
}

impl RosterRefreshError {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::NoSuchAddress => (StatusCode::NOT_FOUND, "no_such_address"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "basic_required"),
            Self::Flag => (StatusCode::BAD_REQUEST, "parameter_malformed"),
            Self::Usernames(UsernamesError::Missing) => (StatusCode::BAD_REQUEST, "body_missing"),
            Self::Usernames(UsernamesError::Json(_)) => (StatusCode::BAD_REQUEST, "json_malformed"),
            Self::Usernames(UsernamesError::NotText(_) | UsernamesError::Name { .. }) => {
                (StatusCode::BAD_REQUEST, "entry_malformed")
            }
            Self::NoBucket => (StatusCode::NOT_IMPLEMENTED, "replace_unavailable"),
            Self::Document(DocumentError::Unreadable(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "document_unreadable"),
            Self::Document(_) | Self::StillHidden(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
            Self::Event(_) => (StatusCode::BAD_REQUEST, "event_malformed"),
            Self::Prosody { code, .. } => (StatusCode::BAD_GATEWAY, *code),
        };
        Problem::new(status, code, self.to_string())
    }

    /// The answer, with what the log line should say beyond it.
    pub(crate) fn answer(&self, method: &Method) -> Response<Body> {
        let mut response = answer::refusal(method, &self.problem());
        match self {
            Self::Document(cause) | Self::StillHidden(cause) => log::note(&mut response, "cause", cause.to_string()),
            other => log::note(&mut response, "reason", other.to_string()),
        }
        if matches!(self, Self::Unauthorized) {
            answer::set(&mut response, WWW_AUTHENTICATE, "Basic realm=\"satchel\"");
        }
        response
    }
}
