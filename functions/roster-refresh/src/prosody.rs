//! Requests to mod_http_roster_admin: batch after batch, each tried again while that may help and there is time.

use std::time::Duration;

use bytes::Bytes;
use http::{
    Request, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::Full;
use satchel_core::roster::{
    refresh::{self, ATTEMPTS, BATCH, BatchFailure, Report, Tally},
    username::Username,
};
use satchel_https::HttpsError;
use tokio::time::Instant;

use crate::State;

/// One attempt. Prosody answers once it has fetched every roster of the batch.
const ATTEMPT: Duration = Duration::from_secs(8);

/// Prosody could not be told, at all or from some user on.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Why.
    pub failure: BatchFailure,
    /// How far it got.
    pub report: Report,
    /// What the connection said, for the log.
    pub cause: Option<String>,
}

/// Tells Prosody of all these users until then. Of nobody it is told nothing: it never answers an empty list.
pub(crate) async fn tell<D>(state: &State<D>, usernames: &[Username], until: Instant) -> Result<Report, Broken> {
    let mut tally = Tally::default();
    for batch in usernames.chunks(BATCH) {
        match persistently(state, batch, until).await {
            Ok(report) => tally.add(batch.len(), &report),
            Err((failure, cause)) => {
                return Err(Broken { failure, report: tally.broken_off(usernames.len(), failure), cause });
            }
        }
    }
    Ok(tally.complete())
}

type Failure = (BatchFailure, Option<String>);

async fn persistently<D>(state: &State<D>, batch: &[Username], until: Instant) -> Result<Report, Failure> {
    let mut last = (BatchFailure::TimedOut, None);
    for attempt in 0..ATTEMPTS {
        let left = until.saturating_duration_since(Instant::now());
        let pause = refresh::pause(attempt, chance());
        if left <= pause {
            return Err(last);
        }
        tokio::time::sleep(pause).await;
        match once(state, batch, ATTEMPT.min(left - pause)).await {
            Ok(report) => return Ok(report),
            Err(failure) if failure.0.is_worth_a_retry() => last = failure,
            Err(failure) => return Err(failure),
        }
    }
    Err(last)
}

/// A pause that is no surprise does no harm.
fn chance() -> u8 {
    getrandom::u32().map_or(0, |random| random.to_le_bytes()[0])
}

async fn once<D>(state: &State<D>, batch: &[Username], deadline: Duration) -> Result<Report, Failure> {
    let request = request(state, batch).map_err(|error| (BatchFailure::Unreachable, Some(error.to_string())))?;
    let response = state.https.send(request, deadline).await.map_err(|error| {
        let failure = match error {
            HttpsError::Timeout(_) => BatchFailure::TimedOut,
            HttpsError::Tls(_) | HttpsError::Connection(_) | HttpsError::Answer(_) => BatchFailure::Unreachable,
        };
        (failure, Some(error.to_string()))
    })?;
    understood(&response).map_err(|failure| (failure, None))
}

fn request<D>(state: &State<D>, batch: &[Username]) -> Result<Request<Full<Bytes>>, http::Error> {
    let prosody = &state.config.prosody;
    let body = serde_json::json!(batch).to_string();
    let request = Request::post(prosody.url().as_str()).header(CONTENT_TYPE, "application/json");
    let request = request.header(ACCEPT, "application/json");
    let request = match prosody.authorization() {
        Some(authorization) => request.header(AUTHORIZATION, authorization),
        None => request,
    };
    request.body(Full::new(body.into()))
}

fn understood(response: &Response<Bytes>) -> Result<Report, BatchFailure> {
    match response.status() {
        StatusCode::OK => Report::parse(response.body()).ok_or(BatchFailure::Garbage),
        status => Err(BatchFailure::Status(status.as_u16())),
    }
}
