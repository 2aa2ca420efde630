//! The Lambda function `expire`.

use std::process::ExitCode;

use satchel_aws::{bootstrap, sdk};
use satchel_core::config::FromEnvironment;
use satchel_expire::{ExpireConfig, State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = State::load(ExpireConfig::parse(bootstrap::environment), sdk::of_lambda().await);
    bootstrap::serve_invocations("expire", state, async |state, invocation| handle(&state, invocation).await).await
}
