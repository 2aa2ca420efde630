//! The Lambda function `roster-fetch`.

use std::process::ExitCode;

use satchel_aws::{
    bootstrap,
    live::{Live, Lookup},
};
use satchel_core::config::RosterFetchConfig;
use satchel_roster_fetch::{State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let parse = |lookup: Lookup<'_>| RosterFetchConfig::parse(lookup);
    let go_on = |state: &State, config| State { config, ..state.clone() };
    let state = Live::load(bootstrap::variables(), parse, State::load, go_on).await;
    bootstrap::serve_live("roster-fetch", state, async |state, request| handle(&state, request).await).await
}
