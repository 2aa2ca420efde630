//! The Lambda function `download`.

use std::process::ExitCode;

use satchel_aws::{bootstrap, sdk};
use satchel_core::config::FromEnvironment;
use satchel_download::{DownloadConfig, State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = State::load(DownloadConfig::parse(bootstrap::environment), sdk::of_lambda().await);
    bootstrap::serve("download", state, async |state, request| handle(&state, request).await).await
}
