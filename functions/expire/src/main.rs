//! The Lambda function `expire`.

use std::{process::ExitCode, sync::Arc};

use satchel_aws::sdk;
use satchel_core::config::FromEnvironment;
use satchel_expire::{ExpireConfig, State, handle};
use satchel_telemetry::environment::environment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = State::load(ExpireConfig::parse(environment), sdk::of_lambda().await);
    let handle = async |state: Arc<State>, event, deadline| handle(&state, &event, deadline).await;
    satchel_lambda::serve_invocations("expire", state, handle).await
}
