//! Presigned S3 URLs, made with the SDK's signing crate alone: arithmetic, no client, no request.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError},
};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use satchel_core::{
    config::S3Config, digest::Sha256Digest, object_key::Key, time::Timestamp, upload_path::encode_path,
};
use url::Url;

/// The header in which S3 takes a SHA-256 digest, in base64.
pub const CHECKSUM: &str = "x-amz-checksum-sha256";

/// A URL that carries its own permission. Printing it shows nothing: it must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl(String);

impl PresignedUrl {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresignedUrl(..)")
    }
}

/// Signing failed: credentials or time that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the URL could not be signed")]
pub struct PresignError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// What a URL allows.
#[derive(Debug, Clone)]
pub struct UrlTerms<'a> {
    /// The one method it works with.
    pub method: Method,
    /// The object.
    pub key: &'a Key,
    /// `response-*` parameters and their values.
    pub response: &'a [(&'static str, String)],
    /// Bytes that a PUT must announce, exactly.
    pub content_length: Option<u64>,
    /// The digest that a PUT must announce in `x-amz-checksum-sha256`, and S3 checks.
    pub checksum: Option<Sha256Digest>,
    /// The date of the signature.
    pub at: Timestamp,
    /// Seconds it lives, from that date.
    pub expires_in: u64,
}

/// Signs URLs for one bucket.
#[derive(Debug, Clone)]
pub struct Presigner {
    credentials: Credentials,
    region: String,
    /// Scheme, host and port, and the bucket where it is in the path; ends with a slash.
    base: String,
}

/// The credentials in the environment, where Lambda puts those of the function's role.
///
/// # Errors
/// There are none.
pub async fn environment_credentials() -> Result<Credentials, CredentialsError> {
    EnvironmentVariableCredentialsProvider::new().provide_credentials().await
}

impl Presigner {
    /// A presigner for the bucket of `config`, at the address that clients know it by.
    #[must_use]
    pub fn new(config: &S3Config, credentials: Credentials) -> Self {
        Self { credentials, region: config.region.clone(), base: base(config) }
    }

    /// A presigner at the address that the functions know the bucket by.
    #[must_use]
    pub fn from_inside(config: &S3Config, credentials: Credentials) -> Self {
        Self::new(&S3Config { public_endpoint: None, ..config.clone() }, credentials)
    }

    /// Signs a URL for an object.
    ///
    /// # Errors
    /// See [`PresignError`].
    pub fn presign(&self, terms: &UrlTerms<'_>) -> Result<PresignedUrl, PresignError> {
        let url = format!("{}{}", self.base, encode_path(terms.key.as_str()));
        let url = with_query(url, terms.response.iter().map(|(name, value)| (*name, value.as_str())));
        let length = terms.content_length.map(|bytes| ("content-length", bytes.to_string()));
        let checksum = terms.checksum.map(|digest| (CHECKSUM, digest.to_base64()));
        let headers: Vec<_> = length.into_iter().chain(checksum).collect();
        self.sign(&terms.method, url, &headers, (terms.at, terms.expires_in))
    }

    /// Signs a URL that lists the bucket (ListObjectsV2), for a GET at `at` and `expires_in` seconds on.
    ///
    /// # Errors
    /// See [`PresignError`].
    pub fn presign_list(
        &self,
        parameters: &[(&str, &str)],
        at: Timestamp,
        expires_in: u64,
    ) -> Result<PresignedUrl, PresignError> {
        let url = with_query(self.base.clone(), parameters.iter().copied());
        self.sign(&Method::GET, url, &[], (at, expires_in))
    }

    fn sign(
        &self,
        method: &Method,
        url: String,
        headers: &[(&str, String)],
        (at, expires_in): (Timestamp, u64),
    ) -> Result<PresignedUrl, PresignError> {
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(system_time(at))
            .settings(settings(expires_in))
            .build()
            .map_err(|error| PresignError(error.into()))?;
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let request = SignableRequest::new(method.as_str(), &url, headers, SignableBody::UnsignedPayload)
            .map_err(|error| PresignError(error.into()))?;
        let (instructions, _) = sign(request, &params.into()).map_err(|error| PresignError(error.into()))?.into_parts();
        let signature = instructions.params().iter().map(|(name, value)| (*name, value.as_ref()));
        Ok(PresignedUrl(with_query(url, signature)))
    }
}

/// AWS's own address of a bucket is `<bucket>.s3.<region>.amazonaws.com`. Names with dots go into the
/// path, as no certificate covers them (AWS: "Virtual hosting of general purpose buckets").
fn base(config: &S3Config) -> String {
    let S3Config { bucket, region, .. } = config;
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let own = || format!("https://s3.{region}.amazonaws.com{suffix}/");
    let endpoint = config.public_endpoint.as_ref().or(config.endpoint.as_ref()).map_or_else(own, Url::to_string);
    if config.path_style || bucket.contains('.') {
        return format!("{endpoint}{bucket}/");
    }
    endpoint.replacen("://", &format!("://{bucket}."), 1)
}

fn with_query<'a>(mut url: String, parameters: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    const UNRESERVED: &percent_encoding::AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    for (name, value) in parameters {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        url.extend(utf8_percent_encode(value, UNRESERVED));
    }
    url
}

/// S3's variety of SigV4: the path is escaped once and never normalised (AWS: "Create a signed AWS API
/// request"), since `..` and `//` are ordinary parts of keys.
fn settings(expires_in: u64) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(expires_in));
    settings
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(at.as_seconds())
}

#[cfg(test)]
#[path = "presign_tests.rs"]
mod tests;
