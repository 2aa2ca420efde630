//! `roster-refresh`: tells Prosody's mod_http_roster_admin whose rosters have changed, as somebody asks for it at
//! `/contacts/refresh`, or as S3 says that a roster has been written.

mod config;
mod error;
mod prosody;
mod prosody_url;
mod refresh;
mod replace;
mod state;

use std::time::Duration;

use http::{
    HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use lambda_http::{Body, Request, RequestExt, Response};
use prosody::Broken;
use satchel_aws::{answer, event, log, s3_event};
use satchel_rosters::username::Username;
use satchel_store::Documents;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::refresh::Report;

pub use config::RosterRefreshConfig;
pub use error::RosterRefreshError;
pub use state::State;

/// All of a request together: API Gateway waits 29 s, and its 504 says less than our report.
const DEADLINE: Duration = Duration::from_secs(25);

/// Answers one request.
pub async fn handle<D: Documents>(state: &State<D>, request: Request) -> Response<Body> {
    let method = request.method().clone();
    match method {
        Method::OPTIONS => answer::preflight(),
        Method::POST => refreshed(state, request).await.unwrap_or_else(|error| error.answer(&method)),
        _ => answer::method_not_allowed(&method, "OPTIONS, POST"),
    }
}

async fn refreshed<D: Documents>(state: &State<D>, request: Request) -> Result<Response<Body>, RosterRefreshError> {
    if !request.raw_http_path().ends_with("/contacts/refresh") {
        return Err(RosterRefreshError::NoSuchAddress);
    }
    if !state.config.callers.admit_header(event::header(&request, "authorization")) {
        return Err(RosterRefreshError::Unauthorized);
    }
    let replaces = match event::parameter(&request, "replace") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(RosterRefreshError::Flag),
    };
    let usernames = refresh::usernames(request.body())?;
    let until = Instant::now() + DEADLINE;
    let told = if replaces {
        replace::replace(state, &usernames, until).await?
    } else {
        state.prosody.tell(&state.config.prosody, &usernames, until).await
    };
    Ok(reported(told, usernames.len()))
}

/// Prosody's own shape, whatever has become of it.
fn reported(told: Result<Report, Broken>, usernames: usize) -> Response<Body> {
    let (status, code, report) = match &told {
        Ok(report) => (StatusCode::OK, "refreshed", report),
        Err(Broken { failure, report, .. }) => {
            let status = StatusCode::from_u16(failure.gateway_status()).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, failure.code(), report)
        }
    };
    let mut response = answer::empty(status, code);
    *response.body_mut() = Body::Text(report.to_json());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    log::note(&mut response, "usernames", usernames);
    log::note(&mut response, "updated", report.updated);
    log::note(&mut response, "errors", report.errors);
    if let Err(Broken { cause: Some(cause), .. }) = told {
        log::note(&mut response, "cause", cause);
    }
    response
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
