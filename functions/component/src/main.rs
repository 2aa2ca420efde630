//! The Lambda function `component`.

use std::process::ExitCode;

use satchel_aws::{bootstrap, live::Live};
use satchel_component::{ComponentConfig, State, handle};
use satchel_core::config::FromEnvironment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = Live::load(|lookup| ComponentConfig::parse(lookup), State::load, State::with_config).await;
    bootstrap::serve_live("component", state, async |state, request| handle(&state, request).await).await
}
