//! `roster-refresh`: tells Prosody's mod_http_roster_admin whose rosters have changed, as somebody asks for it at
//! `/contacts/refresh`, or as S3 says that a roster has been written.
//!
//! Knows that module and how patient one has to be with it. Begin at [`handle`] and [`handle_event`].

mod config;
mod error;
mod prosody;
mod prosody_url;
mod refresh;
mod replace;
mod state;

use std::time::Duration;

use bytes::Bytes;
use http::{
    Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use satchel_aws::s3_event;
use satchel_core::{
    answer::{Answer, BASIC},
    head::RawHead,
    outcome::CAUSE,
};
use satchel_rosters::username::Username;
use satchel_store::Documents;
use serde_json::{Value, json};
use tokio::time::Instant;

use prosody::Broken;
use refresh::Report;

pub use config::RosterRefreshConfig;
pub use error::RosterRefreshError;
pub use state::State;

/// All of a request together: API Gateway waits 29 s, and its 504 says less than our report.
const DEADLINE: Duration = Duration::from_secs(25);

/// Answers one request.
pub async fn handle<D: Documents>(state: &State<D>, raw: RawHead, body: Bytes) -> Answer {
    match raw.method {
        Method::OPTIONS => Answer::preflight(),
        Method::POST => refreshed(state, &raw, &body).await.unwrap_or_else(|error| refused(&raw.method, &error)),
        _ => Answer::method_not_allowed(&raw.method, "OPTIONS, POST"),
    }
}

fn refused(method: &Method, error: &RosterRefreshError) -> Answer {
    let answer = Answer::refusal(method, error);
    if matches!(error, RosterRefreshError::Unauthorized) { answer.with(WWW_AUTHENTICATE, BASIC) } else { answer }
}

async fn refreshed<D: Documents>(state: &State<D>, raw: &RawHead, body: &[u8]) -> Result<Answer, RosterRefreshError> {
    if !raw.path.ends_with("/contacts/refresh") {
        return Err(RosterRefreshError::NoSuchAddress);
    }
    if !state.config.callers.admit_header(raw.header("authorization")) {
        return Err(RosterRefreshError::Unauthorized);
    }
    let replaces = match raw.parameter("replace") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(RosterRefreshError::Flag),
    };
    let usernames = refresh::usernames(body)?;
    let until = Instant::now() + DEADLINE;
    let told = if replaces {
        replace::replace(state, &usernames, until).await?
    } else {
        state.prosody.tell(&state.config.prosody, &usernames, until).await
    };
    Ok(reported(told, usernames.len()))
}

/// Prosody's own shape, whatever has become of it.
fn reported(told: Result<Report, Broken>, usernames: usize) -> Answer {
    let (status, code, report) = match &told {
        Ok(report) => (StatusCode::OK, "refreshed", report),
        Err(Broken { failure, report, .. }) => {
            let status = StatusCode::from_u16(failure.gateway_status()).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, failure.code(), report)
        }
    };
    let mut answer = Answer::empty(status, code)
        .with(CONTENT_TYPE, "application/json")
        .with(CACHE_CONTROL, "no-store")
        .with_body(report.to_json());
    answer.note("usernames", usernames);
    answer.note("updated", report.updated);
    answer.note("errors", report.errors);
    if let Err(Broken { cause: Some(cause), .. }) = told {
        answer.note(CAUSE, cause);
    }
    answer
}

/// Handles one event of S3's: the users whose rosters it names are refreshed. What fails is delivered again by Lambda.
///
/// # Errors
/// See [`RosterRefreshError`].
pub async fn handle_event<D: Documents>(state: &State<D>, event: Value) -> Result<Value, RosterRefreshError> {
    let created = s3_event::created(event)?;
    let usernames = created.iter().filter_map(|created| Username::of_key(&created.key)).collect();
    let usernames = refresh::folded(usernames);
    let report = state.prosody.tell(&state.config.prosody, &usernames, Instant::now() + DEADLINE).await?;
    Ok(json!({"usernames": usernames.len(), "updated": report.updated, "errors": report.errors}))
}

#[cfg(test)]
mod tests;
