//! The SDK's S3 client as Satchel uses it: how long it waits, what it leaves out.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client, Config,
    config::{
        Builder, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
        timeout::TimeoutConfig,
    },
};
use satchel_core::config::S3Config;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// S3 answers in milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
/// All attempts together: API Gateway waits 29 s, and its 504 says less than our 503.
pub(crate) const DEADLINE: Duration = Duration::from_secs(25);

/// A client that is made when it is first asked for anything: it reads AWS's list of partitions, and what needs no S3 need not
/// wait for that. Clones share it.
pub(crate) type LazyClient = Arc<LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>>;

/// A client for the bucket of `config`. It connects, and reads certificates, with the first request.
pub(crate) fn connected_to(config: &S3Config, sdk: &SdkConfig) -> LazyClient {
    lazily(builder(config, sdk))
}

/// A client that signs for the address by which others reach the bucket.
pub(crate) fn as_clients_reach_it(config: &S3Config, sdk: &SdkConfig) -> LazyClient {
    let mut builder = builder(config, sdk);
    if let Some(url) = &config.public_endpoint {
        builder.set_endpoint_url(Some(url.to_string()));
    }
    lazily(builder)
}

fn lazily(builder: Builder) -> LazyClient {
    Arc::new(LazyLock::new(Box::new(move || Client::from_conf(builder.build()))))
}

fn builder(config: &S3Config, sdk: &SdkConfig) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(DEADLINE);
    Builder::from(sdk)
        .timeout_config(timeouts.build())
        .force_path_style(config.path_style)
        // Not every S3-compatible store knows the SDK's default checksums.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

/// One long attempt instead of several short ones: a body over a slow line, a copy of gigabytes.
pub(crate) fn within(deadline: Duration) -> Builder {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT);
    Config::builder().timeout_config(timeouts.operation_attempt_timeout(deadline).operation_timeout(deadline).build())
}

/// Without the SDK's own watch over the pace of a body, which knows neither who is waited for nor how long that may take.
pub(crate) fn unhurried(config: Builder) -> Builder {
    config.stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}
