//! The Lambda function `roster-refresh`.

use std::process::ExitCode;

use satchel_aws::{
    bootstrap,
    live::{Live, Lookup},
};
use satchel_core::config::RosterRefreshConfig;
use satchel_roster_refresh::{State, handle, handle_event};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let parse = |lookup: Lookup<'_>| RosterRefreshConfig::parse(lookup);
    let go_on = |state: &State, config| State { config, ..state.clone() };
    let state = Live::load(bootstrap::variables(), parse, State::load, go_on).await;
    let request = async |state: std::sync::Arc<State>, request| handle(&state, request).await;
    bootstrap::serve_both("roster-refresh", state, request, async |state, event| handle_event(&state, event).await)
        .await
}
