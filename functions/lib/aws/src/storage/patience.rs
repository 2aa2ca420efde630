//! How long and how often S3 is asked for what nobody waits for.

use std::time::Duration;

use aws_sdk_s3::{
    Config,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
};

const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// All tries of one request together.
const DEADLINE: Duration = Duration::from_secs(40);

/// Waits and tries again where S3 is busy or does not answer.
pub(super) fn patient() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(DEADLINE);
    let retry = RetryConfig::standard().with_max_attempts(TRIES);
    let retry = retry.with_initial_backoff(FIRST_PAUSE).with_max_backoff(LONGEST_PAUSE);
    Config::builder().timeout_config(timeouts.build()).retry_config(retry)
}
