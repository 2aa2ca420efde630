//! The Lambda function `roster-fetch`.

use std::process::ExitCode;

use satchel_aws::bootstrap;
use satchel_core::config::RosterFetchConfig;
use satchel_roster_fetch::{State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = State::load(RosterFetchConfig::parse(bootstrap::environment)).await;
    bootstrap::serve("roster-fetch", state, async |state, request| handle(&state, request).await).await
}
