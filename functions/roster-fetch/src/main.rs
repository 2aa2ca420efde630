//! The Lambda function `roster-fetch`.

use std::process::ExitCode;

use satchel_aws::{bootstrap, live::Live};
use satchel_core::config::FromEnvironment;
use satchel_roster_fetch::{RosterFetchConfig, State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = Live::load(|lookup| RosterFetchConfig::parse(lookup), State::load, State::with_config).await;
    bootstrap::serve_live("roster-fetch", state, async |state, request| handle(&state, request).await).await
}
