//! The Lambda function `roster-refresh`.

use std::process::ExitCode;

use satchel_aws::{bootstrap, live::Live};
use satchel_core::config::FromEnvironment;
use satchel_roster_refresh::{RosterRefreshConfig, State, handle, handle_event};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = Live::load(|lookup| RosterRefreshConfig::parse(lookup), State::load, State::with_config).await;
    let request = async |state: std::sync::Arc<State>, request| handle(&state, request).await;
    bootstrap::serve_both("roster-refresh", state, request, async |state, event| handle_event(&state, event).await)
        .await
}
