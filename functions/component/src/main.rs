//! The Lambda function `component`.

use std::process::ExitCode;

use satchel_aws::{
    bootstrap,
    live::{Live, Lookup},
};
use satchel_component::{State, handle};
use satchel_core::config::ComponentConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let parse = |lookup: Lookup<'_>| ComponentConfig::parse(lookup);
    let go_on = |state: &State, config| State { config, ..state.clone() };
    let state = Live::load(bootstrap::variables(), parse, State::load, go_on).await;
    bootstrap::serve_live("component", state, async |state, request| handle(&state, request).await).await
}
