//! The SDK's S3 client as Satchel uses it: how long it waits, what it leaves out.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use aws_credential_types::Credentials;
use aws_sdk_s3::{
    Client, Config,
    config::{
        BehaviorVersion, Region, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
        retry::RetryConfig, timeout::TimeoutConfig,
    },
};
use aws_smithy_async::rt::sleep::TokioSleep;
use satchel_core::{base_url::BaseUrl, config::S3Config};

use crate::sdk_http;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// S3 answers in milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
/// All attempts together: API Gateway waits 29 s, and its 504 says less than our 503.
pub(crate) const DEADLINE: Duration = Duration::from_secs(25);

/// A client for the S3 of `config`. Connects with the first request, not here.
pub(crate) fn connected_to(config: &S3Config, credentials: Credentials) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(DEADLINE);
    let endpoint = config.endpoint.as_ref().map(|url| url.to_string().trim_end_matches('/').to_owned());
    let secure = config.endpoint.as_ref().is_none_or(BaseUrl::is_secure);
    let mut client = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(config.region.clone()))
        .credentials_provider(credentials)
        .http_client(sdk_http::client(CONNECT_TIMEOUT, secure))
        .sleep_impl(TokioSleep::new())
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts.build())
        .force_path_style(config.path_style)
        // On this machine both sides have one clock; what is corrected by an answer from before a step is wrong after it.
        .disable_clock_skew_correction(config.endpoint.as_ref().is_some_and(is_here))
        // Not every S3-compatible store knows the SDK's default checksums.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    client.set_endpoint_url(endpoint);
    Client::from_conf(client.build())
}

fn is_here(endpoint: &BaseUrl) -> bool {
    let authority = endpoint.authority();
    let with_port = authority.parse().map(|address: SocketAddr| address.ip());
    let address = with_port.or_else(|_| authority.trim_matches(['[', ']']).parse::<IpAddr>());
    authority.split(':').next() == Some("localhost") || address.is_ok_and(|at| at.is_loopback() || at.is_unspecified())
}

/// One long attempt instead of several short ones: a body over a slow line, a copy of gigabytes.
pub(crate) fn within(deadline: Duration) -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT);
    Config::builder().timeout_config(timeouts.operation_attempt_timeout(deadline).operation_timeout(deadline).build())
}

/// Without the SDK's own watch over the pace of a body, which knows neither who is waited for nor how long that may take.
pub(crate) fn unhurried(config: aws_sdk_s3::config::Builder) -> aws_sdk_s3::config::Builder {
    config.stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}
