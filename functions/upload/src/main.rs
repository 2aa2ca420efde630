//! The Lambda function `upload`.

use std::process::ExitCode;

use satchel_aws::secrets::Live;
use satchel_core::config::FromEnvironment;
use satchel_upload::{State, UploadConfig, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let live = Live::load(|lookup| UploadConfig::parse(lookup), State::load, State::with_config).await;
    let handle = async |state: std::sync::Arc<State>, head, body| handle(&state, head, body).await;
    satchel_lambda::serve_renewed("upload", live, Live::now, handle).await
}
