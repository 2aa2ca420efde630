//! The Lambda function `component`.

use std::process::ExitCode;

use satchel_aws::secrets::Live;
use satchel_component::{ComponentConfig, State, handle};
use satchel_core::config::FromEnvironment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let live = Live::load(|lookup| ComponentConfig::parse(lookup), State::load, State::with_config).await;
    let handle = async |state: std::sync::Arc<State>, head, body| handle(&state, head, body).await;
    satchel_lambda::serve_renewed("component", live, Live::now, handle).await
}
