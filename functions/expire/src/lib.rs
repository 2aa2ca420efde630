//! `expire`: by schedule or by hand, deletes what is past its own expiry, makes room under a total limit, clears away what
//! interrupted work has left, and writes a report. Safe when two run at once, or when one is killed: the next goes on.
//!
//! Knows what may go and in which order. Begin at [`run`]: `due` is what the index of expiries names, `leftovers` what interrupted
//! work has left, `room` (by `cutoff`) what no longer fits, and `book` writes it all down.

mod book;
mod config;
mod cutoff;
mod deletion;
mod due;
mod leftovers;
pub mod order;
pub mod report;
mod room;
mod run;
mod state;
mod stop;
mod verdict;

use std::time::{Duration, Instant};

use satchel_core::outcome::EventFailure;
use satchel_store::Upkeep;
use serde_json::{Value, json};

use crate::{
    order::{Order, OrderError},
    report::Summary,
};

pub use config::ExpireConfig;
pub use run::{Options, run};
pub use state::State;

/// Of the time that Lambda gives, this much is kept for what is under way when no more is begun: a batch of S3
/// requests, each with its retries, and the report.
const RESERVE: Duration = Duration::from_secs(120);

/// Why a run is not all that it should be.
#[derive(Debug, thiserror::Error)]
pub enum ExpireError {
    /// Nothing was done.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// What S3 said no to is left for the next run.
    #[error("{} thing(s) failed and are left for the next run; summary: {}", .0.errors, json!(.0))]
    Incomplete(Box<Summary>),
    /// No randomness.
    #[error("the run could not be given a name, nothing was deleted: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl EventFailure for ExpireError {
    fn done(&self) -> Option<Value> {
        match self {
            Self::Order(_) | Self::Randomness(_) => None,
            Self::Incomplete(summary) => Some(json!(summary)),
        }
    }
}

/// Runs once, as the event says, until Lambda ends the function at `deadline`; gives the summary.
///
/// # Errors
/// See [`ExpireError`]. A run that stops for lack of time is none.
pub async fn handle<S: Upkeep>(state: &State<S>, event: &Value, deadline: Instant) -> Result<Value, ExpireError> {
    let order = Order::parse(event)?;
    let end = last_start(Instant::now(), deadline);
    let options = Options { count_all: false, is_over: &|| Instant::now() >= end, watch: &mut |_| {} };
    outcome(&run(state, order, options).await?)
}

/// What a run came to, as its line says it.
///
/// # Errors
/// [`ExpireError::Incomplete`], where S3 said no to something.
pub fn outcome(summary: &Summary) -> Result<Value, ExpireError> {
    if summary.errors > 0 { Err(ExpireError::Incomplete(Box::new(summary.clone()))) } else { Ok(json!(summary)) }
}

/// Until when something new may be begun.
fn last_start(now: Instant, deadline: Instant) -> Instant {
    let time = deadline.saturating_duration_since(now);
    now + time.saturating_sub(RESERVE).max(time / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_begun_in_the_reserve() {
        let now = Instant::now();
        for (time, begun) in [(900, 780), (240, 120), (100, 50), (0, 0)] {
            let deadline = now + Duration::from_secs(time);
            assert_eq!(last_start(now, deadline), now + Duration::from_secs(begun), "{time} s");
        }
        assert_eq!(last_start(now + RESERVE, now), now + RESERVE, "long past");
    }
}
