//! The Lambda function `component`.

use std::process::ExitCode;

use satchel_aws::bootstrap;
use satchel_component::{State, handle};
use satchel_core::config::ComponentConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = State::load(ComponentConfig::parse(bootstrap::environment)).await;
    bootstrap::serve("component", state, async |state, request| handle(&state, request).await).await
}
