//! Presigned S3 URLs (AWS: "Authenticating Requests: Using Query Parameters"), signed by the SDK: no request is made.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_config::SdkConfig;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use http::Method;
use satchel_core::{config::S3Config, digest::Sha256Digest, time::Timestamp};

use crate::{
    log,
    s3_client::{self, LazyClient},
    storage::Storage,
};

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

/// No credentials any more, or a time that no signature can have.
#[derive(Debug, thiserror::Error)]
#[error("the URL could not be signed: {0}")]
pub struct PresignError(String);

impl PresignError {
    fn of(error: impl Error) -> Self {
        Self(log::chain(&error))
    }
}

/// When a URL works.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    /// The date of the signature.
    pub from: Timestamp,
    /// Seconds it lives, from that date.
    pub seconds: u64,
}

/// Headers that S3 sends with a file instead of those it was stored with.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
}

/// Signs URLs for one bucket.
#[derive(Debug, Clone)]
pub struct Presigner {
    client: LazyClient,
    bucket: Arc<str>,
}

impl Presigner {
    /// A presigner for the bucket of `config`, at the address that clients know it by.
    #[must_use]
    pub fn new(config: &S3Config, sdk: &SdkConfig) -> Self {
        Self { client: s3_client::as_clients_reach_it(config, sdk), bucket: config.bucket.as_str().into() }
    }

    /// The same with the client that a store has already, where clients know the bucket by the same address.
    #[must_use]
    pub fn of(store: &Storage, config: &S3Config, sdk: &SdkConfig) -> Self {
        match config.public_endpoint {
            None => Self { client: store.client().clone(), bucket: config.bucket.as_str().into() },
            Some(_) => Self::new(config, sdk),
        }
    }

    /// Signs a PUT of an object, whose length is signed, too, and its digest, where there is one.
    ///
    /// # Errors
    /// See [`PresignError`].
    pub async fn put(
        &self,
        key: &str,
        length: u64,
        digest: Option<Sha256Digest>,
        validity: Validity,
    ) -> Result<PresignedUrl, PresignError> {
        let put = self.client.put_object().bucket(&*self.bucket).key(key);
        let put = put.content_length(i64::try_from(length).map_err(PresignError::of)?);
        let put = put.set_checksum_sha256(digest.map(Sha256Digest::to_base64));
        signed(put.presigned(validity.config()?).await)
    }

    /// Signs a GET of an object, or its HEAD.
    ///
    /// # Errors
    /// See [`PresignError`].
    pub async fn get(
        &self,
        method: &Method,
        key: &str,
        headers: Headers,
        validity: Validity,
    ) -> Result<PresignedUrl, PresignError> {
        let Headers { content_type, content_disposition, cache_control } = headers;
        let (client, bucket, config) = (&self.client, &*self.bucket, validity.config()?);
        if method == Method::HEAD {
            let head = client.head_object().bucket(bucket).key(key).set_response_content_type(content_type);
            let head = head.set_response_content_disposition(content_disposition);
            return signed(head.set_response_cache_control(cache_control).presigned(config).await);
        }
        let get = client.get_object().bucket(bucket).key(key).set_response_content_type(content_type);
        let get = get.set_response_content_disposition(content_disposition);
        signed(get.set_response_cache_control(cache_control).presigned(config).await)
    }
}

impl Validity {
    fn config(self) -> Result<PresigningConfig, PresignError> {
        let config = PresigningConfig::builder().start_time(system_time(self.from));
        config.expires_in(Duration::from_secs(self.seconds)).build().map_err(PresignError::of)
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(at.as_seconds())
}

fn signed<E: Error + 'static>(request: Result<PresignedRequest, E>) -> Result<PresignedUrl, PresignError> {
    let url = request.map_err(PresignError::of)?.uri().to_owned();
    // Whom nobody has given credentials, the SDK takes for somebody who needs none.
    if url.contains("X-Amz-Signature=") {
        Ok(PresignedUrl(url))
    } else {
        Err(PresignError("no credentials".to_owned()))
    }
}

#[cfg(test)]
#[path = "presign_tests.rs"]
mod tests;
