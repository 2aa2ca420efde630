//! The Lambda function `resume`.

use std::process::ExitCode;

use satchel_aws::{bootstrap, live::Live};
use satchel_core::config::FromEnvironment;
use satchel_resume::{ResumeConfig, State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = Live::load(|lookup| ResumeConfig::parse(lookup), State::load, State::with_config).await;
    bootstrap::serve_live("resume", state, async |state, request| handle(&state, request).await).await
}
