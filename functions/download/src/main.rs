//! The Lambda function `download`.

use std::{process::ExitCode, sync::Arc};

use satchel_aws::sdk;
use satchel_core::config::FromEnvironment;
use satchel_download::{DownloadConfig, State, handle};
use satchel_telemetry::environment::environment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = State::load(DownloadConfig::parse(environment), sdk::of_lambda().await);
    satchel_lambda::serve("download", state, async |state: Arc<State>, head, _| handle(&state, head).await).await
}
