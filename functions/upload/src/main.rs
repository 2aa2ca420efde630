//! The Lambda function `upload`.

use std::process::ExitCode;

use satchel_aws::bootstrap;
use satchel_core::config::UploadConfig;
use satchel_upload::{State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = State::load(UploadConfig::parse(bootstrap::environment)).await;
    bootstrap::serve("upload", state, async |state, request| handle(&state, request).await).await
}
