//! The Lambda function `seal`.

use std::{process::ExitCode, sync::Arc};

use satchel_aws::sdk;
use satchel_seal::{State, handle, load};
use satchel_telemetry::environment::environment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = load(environment, sdk::of_lambda().await);
    satchel_lambda::serve_events("seal", state, async |state: Arc<State>, event| handle(&state, event).await).await
}
