//! The Lambda function `upload`.

use std::process::ExitCode;

use satchel_aws::{
    bootstrap,
    live::{Live, Lookup},
};
use satchel_core::config::UploadConfig;
use satchel_upload::{State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let parse = |lookup: Lookup<'_>| UploadConfig::parse(lookup);
    let go_on = |state: &State, config| State { config, ..state.clone() };
    let state = Live::load(bootstrap::variables(), parse, State::load, go_on).await;
    bootstrap::serve_live("upload", state, async |state, request| handle(&state, request).await).await
}
