//! Requests to mod_http_roster_admin: batch after batch, each tried again while that may help and there is time.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{
    Client, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
    redirect::Policy,
};
use satchel_rosters::username::Username;
use tokio::time::Instant;

use crate::{
    prosody_url::ProsodyUrl,
    refresh::{self, ATTEMPTS, BATCH, BatchFailure, Report, Tally},
};

/// One attempt. Prosody answers once it has fetched every roster of the batch.
const ATTEMPT: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest answer that is read, in bytes: a report has less than a hundred.
const MAX_ANSWER: usize = 64 * 1024;

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

/// The way to Prosody. The client is built with the first request, as reading the root certificates takes longer than all the
/// rest of a start. Clones share its connections.
#[derive(Debug, Clone, Default)]
pub struct Prosody(Arc<OnceLock<Client>>);

type Failure = (BatchFailure, Option<String>);

impl Prosody {
    /// Tells it of all these users until then. Of nobody it is told nothing: it never answers an empty list.
    pub(crate) async fn tell(&self, at: &ProsodyUrl, usernames: &[Username], until: Instant) -> Result<Report, Broken> {
        let mut tally = Tally::default();
        for batch in usernames.chunks(BATCH) {
            match self.persistently(at, batch, until).await {
                Ok(report) => tally.add(batch.len(), &report),
                Err((failure, cause)) => {
                    return Err(Broken { failure, report: tally.broken_off(usernames.len(), failure), cause });
                }
            }
        }
        Ok(tally.complete())
    }

    async fn persistently(&self, at: &ProsodyUrl, batch: &[Username], until: Instant) -> Result<Report, Failure> {
        let mut last = (BatchFailure::TimedOut, None);
        for attempt in 0..ATTEMPTS {
            let left = until.saturating_duration_since(Instant::now());
            let pause = refresh::pause(attempt, chance());
            if left <= pause {
                return Err(last);
            }
            tokio::time::sleep(pause).await;
            match self.once(at, batch, ATTEMPT.min(left - pause)).await {
                Ok(report) => return Ok(report),
                Err(failure) if failure.0.is_worth_a_retry() => last = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(last)
    }

    async fn once(&self, at: &ProsodyUrl, batch: &[Username], deadline: Duration) -> Result<Report, Failure> {
        let post = self.client().map_err(|error| unreached(&error))?.post(at.url().clone());
        let post = post.header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/json");
        let post = match at.authorization() {
            Some(authorization) => post.header(AUTHORIZATION, authorization),
            None => post,
        };
        let post = post.body(serde_json::json!(batch).to_string()).timeout(deadline);
        let response = post.send().await.map_err(|error| unreached(&error))?;
        match response.status() {
            StatusCode::OK => Report::parse(&whole(response).await?).ok_or((BatchFailure::Garbage, None)),
            status => Err((BatchFailure::Status(status.as_u16()), None)),
        }
    }

    fn client(&self) -> reqwest::Result<&Client> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        // Straight there, as the requests have a password in them that is no proxy's business.
        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(Policy::none()).no_proxy().build()?;
        Ok(self.0.get_or_init(|| client))
    }
}

/// A pause that is no surprise does no harm.
fn chance() -> u8 {
    getrandom::u32().map_or(0, |random| random.to_le_bytes()[0])
}

async fn whole(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut whole = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| unreached(&error))? {
        whole.extend_from_slice(&piece);
        if whole.len() > MAX_ANSWER {
            return Err((BatchFailure::Unreachable, Some(format!("the answer has more than {MAX_ANSWER} bytes"))));
        }
    }
    Ok(whole)
}

/// What the connection said, with its causes, and without the address, which may have a password in it.
fn unreached(error: &reqwest::Error) -> Failure {
    let failure = if error.is_timeout() { BatchFailure::TimedOut } else { BatchFailure::Unreachable };
    let causes = std::iter::successors(std::error::Error::source(error), |&cause| cause.source());
    let said = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    (failure, Some(if said.is_empty() { "the request could not be made".to_owned() } else { said }))
}
