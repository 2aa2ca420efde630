//! The Lambda function `seal`.

use std::process::ExitCode;

use satchel_aws::{bootstrap, sdk};
use satchel_seal::{handle, load};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let state = load(bootstrap::environment, sdk::of_lambda().await);
    bootstrap::serve_events("seal", state, async |state, event| handle(&state, event).await).await
}
