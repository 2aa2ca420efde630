//! Everything that can go wrong with a slot or stanza, and the one place that says how it is answered.

use http::StatusCode;
use satchel_aws::presign::PresignError;
use satchel_core::{
    outcome::{Failure, Field, cause, reason},
    problem::Problem,
};

use crate::{decision::EnvelopeError, quota::QuotaError, slot::SlotRefusal};

/// Why a request is not answered with a stanza or slot. (A stanza that is refused is answered with a stanza.)
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The address is wrong, or switched off.
    #[error("there is nothing at this address; stanzas go to /component, slot requests to /slot")]
    NotFound,
    /// Not one of the callers.
    #[error(
        "this address takes the credentials it was configured with (HTTP authentication by user name and password)"
    )]
    Unauthorized,
    /// No stanza.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// No slot, where it was not asked for in a stanza.
    #[error(transparent)]
    Refused(#[from] SlotRefusal),
    /// Nothing says where files are found.
    #[error("the address of the uploads is not known; set SATCHEL_PUBLIC_URL")]
    NoPublicUrl,
    /// The ledger failed.
    #[error("the quota cannot be looked up; try again in a minute")]
    Ledger(String),
    /// Signing failed.
    #[error("the slot could not be prepared; try again")]
    Presign(#[from] PresignError),
    /// No randomness.
    #[error("the slot could not be prepared; try again")]
    Randomness(#[from] getrandom::Error),
}

impl From<QuotaError> for ComponentError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Reached(reached) => SlotRefusal::from(reached).into(),
            failed => Self::Ledger(failed.to_string()),
        }
    }
}

impl Failure for ComponentError {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Refused(refusal) => return refusal.problem(),
            Self::NotFound => (StatusCode::NOT_FOUND, "no_such_address"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "basic_required"),
            Self::Envelope(error) => (StatusCode::BAD_REQUEST, error.code()),
            Self::NoPublicUrl => (StatusCode::INTERNAL_SERVER_ERROR, "public_url_unknown"),
            Self::Ledger(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
            Self::Presign(_) | Self::Randomness(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not_prepared"),
        };
        Problem::new(status, code, self.to_string())
    }

    fn fields(&self) -> Vec<Field> {
        match self {
            Self::Ledger(said) => cause(said),
            Self::Presign(error) => cause(&format!("{error:?}")),
            other => reason(other),
        }
    }
}
