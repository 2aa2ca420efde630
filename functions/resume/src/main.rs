//! The Lambda function `resume`.

use std::process::ExitCode;

use satchel_aws::bootstrap;
use satchel_core::config::ResumeConfig;
use satchel_resume::{State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = State::load(ResumeConfig::parse(bootstrap::environment)).await;
    bootstrap::serve("resume", state, async |state, request| handle(&state, request).await).await
}
