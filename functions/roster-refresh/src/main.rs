//! The Lambda function `roster-refresh`.

use std::{process::ExitCode, sync::Arc};

use satchel_aws::secrets::Live;
use satchel_core::config::FromEnvironment;
use satchel_roster_refresh::{RosterRefreshConfig, State, handle, handle_event};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let live = Live::load(|lookup| RosterRefreshConfig::parse(lookup), State::load, State::with_config).await;
    let request = async |state: Arc<State>, head, body| handle(&state, head, body).await;
    let event = async |state: Arc<State>, event| handle_event(&state, event).await;
    satchel_lambda::serve_both("roster-refresh", live, Live::now, request, event).await
}
