//! Presigned S3 URLs (AWS: "Authenticating Requests: Using Query Parameters"): arithmetic, no client, no request. The
//! day's signing key is kept, as most of the arithmetic makes that.

use std::{
    env, fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_credential_types::{Credentials, provider::error::CredentialsError};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use aws_smithy_types::date_time::DateTimeFormatError;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use satchel_core::{config::S3Config, digest::Sha256Digest, time::Timestamp, upload_path::encode_path};

use crate::sigv4;

/// The header in which S3 takes a SHA-256 digest, in base64.
pub const CHECKSUM: &str = "x-amz-checksum-sha256";
/// Bytes of a query with the overrides of a download, but without a session token.
const USUAL_QUERY: usize = 512;

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

/// A time that no signature can have.
#[derive(Debug, thiserror::Error)]
#[error("the URL could not be signed: the time cannot be written as a date")]
pub struct PresignError(#[from] DateTimeFormatError);

/// What a URL allows.
#[derive(Debug, Clone)]
pub struct UrlTerms<'a> {
    /// The one method it works with.
    pub method: Method,
    /// The object.
    pub key: &'a str,
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

/// Signs URLs for one bucket. Clones share the day's key.
#[derive(Debug, Clone)]
pub struct Presigner {
    credentials: Credentials,
    region: String,
    /// Scheme, host and port, and the bucket where it is in the path; ends with a slash.
    base: String,
    /// Host and port: what a request's Host header says.
    host: String,
    /// The path of `base`.
    folder: String,
    key: Arc<Mutex<Option<DayKey>>>,
}

/// The key of one day, region and service. Printing it shows nothing.
#[derive(Clone)]
struct DayKey {
    date: String,
    key: Vec<u8>,
}

impl fmt::Debug for DayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DayKey(..)")
    }
}

/// The credentials in the environment, where Lambda puts those of the function's role.
///
/// # Errors
/// There are none.
pub async fn environment_credentials() -> Result<Credentials, CredentialsError> {
    let trimmed = |value: String| Some(value.trim().to_owned()).filter(|value| !value.is_empty());
    let variable = |name: &str| env::var(name).ok().and_then(trimmed);
    let required =
        |name: &'static str| variable(name).ok_or_else(|| CredentialsError::not_loaded(format!("{name} is not set")));
    let (access_key, secret_key) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
    Ok(Credentials::new(access_key, secret_key, variable("AWS_SESSION_TOKEN"), None, "environment"))
}

impl Presigner {
    /// A presigner for the bucket of `config`, at the address that clients know it by.
    #[must_use]
    pub fn new(config: &S3Config, credentials: Credentials) -> Self {
        let (scheme, host, folder) = address(config);
        let base = format!("{scheme}://{host}{folder}");
        Self { credentials, region: config.region.clone(), base, host, folder, key: Arc::default() }
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
        let length = terms.content_length.map(|bytes| ("content-length", bytes.to_string()));
        let checksum = terms.checksum.map(|digest| (CHECKSUM, digest.to_base64()));
        self.sign(&Unsigned {
            method: terms.method.as_str(),
            path: &encode_path(terms.key),
            parameters: terms.response.iter().map(|(name, value)| (*name, value.as_str())).collect(),
            headers: length.into_iter().chain([("host", self.host.clone())]).chain(checksum).collect(),
            at: terms.at,
            expires_in: terms.expires_in,
        })
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
        let (parameters, headers) = (parameters.to_vec(), vec![("host", self.host.clone())]);
        self.sign(&Unsigned { method: "GET", path: "", parameters, headers, at, expires_in })
    }

    fn sign(&self, unsigned: &Unsigned<'_>) -> Result<PresignedUrl, PresignError> {
        let at = sigv4::date_time(unsigned.at)?;
        let date = sigv4::date(&at);
        let scope = sigv4::scope(date, &self.region, "s3");
        let query = self.query(unsigned, &at, &scope);
        let message = sigv4::message(&at, &scope, &canonical(unsigned, &self.folder, &query));
        let signature = calculate_signature(self.key(date, unsigned.at), message.as_bytes());
        Ok(PresignedUrl(format!("{}{}?{query}&X-Amz-Signature={signature}", self.base, unsigned.path)))
    }

    /// All parameters but the signature, by name.
    fn query(&self, unsigned: &Unsigned<'_>, at: &str, scope: &str) -> String {
        let token = self.credentials.session_token();
        let mut query = String::with_capacity(USUAL_QUERY + token.map_or(0, str::len) * 3 / 2);
        query.extend(["X-Amz-Algorithm=", sigv4::ALGORITHM]);
        push(&mut query, "X-Amz-Credential", &format!("{}/{scope}", self.credentials.access_key_id()));
        push(&mut query, "X-Amz-Date", at);
        push(&mut query, "X-Amz-Expires", &unsigned.expires_in.to_string());
        if let Some(token) = token {
            push(&mut query, "X-Amz-Security-Token", token);
        }
        push(&mut query, "X-Amz-SignedHeaders", &unsigned.signed_headers());
        let mut own = unsigned.parameters.clone();
        own.sort_unstable();
        own.iter().for_each(|(name, value)| push(&mut query, name, value));
        query
    }

    fn key(&self, date: &str, at: Timestamp) -> Vec<u8> {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(day) if day.date == date => day.key.clone(),
            _ => {
                let secret = self.credentials.secret_access_key();
                let key = generate_signing_key(secret, sigv4::system_time(at), &self.region, "s3").as_ref().to_vec();
                *kept = Some(DayKey { date: date.to_owned(), key: key.clone() });
                key
            }
        }
    }
}

/// A request as it is signed.
struct Unsigned<'a> {
    method: &'a str,
    /// Below the bucket, escaped.
    path: &'a str,
    /// Of its own, in lower case; not escaped.
    parameters: Vec<(&'a str, &'a str)>,
    /// That it must have as they are here, by name.
    headers: Vec<(&'static str, String)>,
    at: Timestamp,
    expires_in: u64,
}

impl Unsigned<'_> {
    fn signed_headers(&self) -> String {
        self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }
}

/// What is signed. S3's variety of it: the path is escaped once and never normalised (AWS: "Create a signed AWS API
/// request"), since `..` and `//` are ordinary parts of keys.
fn canonical(unsigned: &Unsigned<'_>, folder: &str, query: &str) -> String {
    let lines: String = unsigned.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let (method, path, names) = (unsigned.method, unsigned.path, unsigned.signed_headers());
    format!("{method}\n{folder}{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD")
}

/// Adds a parameter. Only RFC 3986's unreserved characters stay as they are.
fn push(query: &mut String, name: &str, value: &str) {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    query.extend(["&", name, "="]);
    query.extend(utf8_percent_encode(value, ESCAPED));
}

/// Scheme, host and folder. AWS's own address of a bucket is `<bucket>.s3.<region>.amazonaws.com`. Names with dots go into
/// the path, as no certificate covers them (AWS: "Virtual hosting of general purpose buckets").
fn address(config: &S3Config) -> (&'static str, String, String) {
    let S3Config { bucket, region, .. } = config;
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let own = || ("https", format!("s3.{region}.amazonaws.com{suffix}"));
    let endpoint = config.public_endpoint.as_ref().or(config.endpoint.as_ref());
    let (scheme, host) = endpoint.map_or_else(own, |url| (url.scheme(), url.authority().to_owned()));
    if config.path_style || bucket.contains('.') {
        return (scheme, host, format!("/{bucket}/"));
    }
    (scheme, format!("{bucket}.{host}"), "/".to_owned())
}

#[cfg(test)]
#[path = "presign_tests.rs"]
mod tests;
