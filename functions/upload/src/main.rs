//! The Lambda function `upload`.

use std::process::ExitCode;

use satchel_aws::{bootstrap, live::Live};
use satchel_core::config::FromEnvironment;
use satchel_upload::{State, UploadConfig, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = Live::load(|lookup| UploadConfig::parse(lookup), State::load, State::with_config).await;
    bootstrap::serve_live("upload", state, async |state, request| handle(&state, request).await).await
}
