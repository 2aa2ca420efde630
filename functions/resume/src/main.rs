//! The Lambda function `resume`.

use std::process::ExitCode;

use satchel_aws::secrets::Live;
use satchel_core::config::FromEnvironment;
use satchel_resume::{ResumeConfig, State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let live = Live::load(|lookup| ResumeConfig::parse(lookup), State::load, State::with_config).await;
    let handle = async |state: std::sync::Arc<State>, head, body| handle(&state, head, body).await;
    satchel_lambda::serve_renewed("resume", live, Live::now, handle).await
}
