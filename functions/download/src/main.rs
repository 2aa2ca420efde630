//! The Lambda function `download`.

use std::process::ExitCode;

use satchel_aws::bootstrap;
use satchel_core::config::DownloadConfig;
use satchel_download::{State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = State::load(DownloadConfig::parse(bootstrap::environment)).await;
    bootstrap::serve("download", state, async |state, request| handle(&state, request).await).await
}
