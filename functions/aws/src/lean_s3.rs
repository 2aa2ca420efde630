//! The few S3 operations of functions that stay small: presigned URLs, sent by the plain HTTPS client. The SDK's client
//! would treble the package.

mod listing;
mod store;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_types::{DateTime, date_time::Format};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, ETAG, IF_MATCH, IF_NONE_MATCH},
};
use http_body_util::Full;
use satchel_core::{base_url::BaseUrl, config::S3Config, date_time, metadata::Metadata, time::Timestamp};
use satchel_https::{HttpsClient, HttpsError};
use satchel_store::{Condition, Document, Listed, Looked, Page, Written};

use crate::{
    clock::Clock,
    presign::{PresignError, PresignedUrl, Presigner, UrlTerms},
};
pub use listing::ListingError;

/// One attempt; S3 answers in milliseconds.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Attempts of a request that S3 failed (AWS: "Best practices design patterns", retries).
const TRIES: u32 = 3;
/// Seconds that a URL lives which is used at once.
const URL_LIFE: u64 = 60;

/// S3 said no or nothing at all. The message is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum LeanS3Error {
    /// The request could not be signed.
    #[error(transparent)]
    Presign(#[from] PresignError),
    /// The request could not be made of what was signed.
    #[error("the signed URL is none: {0}")]
    Request(#[from] http::Error),
    /// No answer.
    #[error("{operation}: {cause}")]
    Https {
        /// The request's method.
        operation: Method,
        /// What went wrong.
        cause: HttpsError,
    },
    /// Another status than the operation has.
    #[error("{operation}: {status}")]
    Status {
        /// The request's method.
        operation: Method,
        /// What S3 answered.
        status: StatusCode,
    },
    /// A listing that is none.
    #[error("the listing could not be read: {0}")]
    Listing(#[from] ListingError),
}

/// One bucket.
#[derive(Debug, Clone)]
pub struct LeanS3 {
    presigner: Presigner,
    https: HttpsClient,
}

impl LeanS3 {
    /// A client for the bucket of `config`. Nothing is built or connected before the first request.
    #[must_use]
    pub fn new(config: &S3Config, credentials: Credentials) -> Self {
        let secure = config.endpoint.as_ref().is_none_or(BaseUrl::is_secure);
        let (presigner, https) = (Presigner::from_inside(config, credentials), HttpsClient::new(secure));
        Self { presigner, https }
    }

    /// Reads an object (GetObject); `None` where there is none.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn read(&self, key: &str) -> Result<Option<Document>, LeanS3Error> {
        let response = self.send(Method::GET, &self.url(Method::GET, key)?, &HeaderMap::new(), Bytes::new()).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(Document { etag: etag(&response), body: response.into_body() })),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(LeanS3Error::Status { operation: Method::GET, status }),
        }
    }

    /// Looks at an object (HeadObject); `None` where there is none.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn head(&self, key: &str) -> Result<Option<Looked>, LeanS3Error> {
        let response = self.send(Method::HEAD, &self.url(Method::HEAD, key)?, &HeaderMap::new(), Bytes::new()).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(looked(key, response.headers()))),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(LeanS3Error::Status { operation: Method::HEAD, status }),
        }
    }

    /// Writes an object on a condition (PutObject).
    ///
    /// # Errors
    /// S3 failed; whether the object was written is unknown then.
    pub async fn write(&self, key: &str, body: Bytes, condition: Condition<'_>) -> Result<Written, LeanS3Error> {
        let (name, value) = match condition {
            Condition::Absent => (IF_NONE_MATCH, "*"),
            Condition::Matches(etag) => (IF_MATCH, etag),
        };
        // Said for an empty body, too, of which hyper says nothing.
        let length = HeaderValue::from(body.len());
        let headers = HeaderMap::from_iter([(name, header_value(value)?), (CONTENT_LENGTH, length)]);
        let response = self.send(Method::PUT, &self.url(Method::PUT, key)?, &headers, body).await?;
        match response.status() {
            StatusCode::OK => Ok(Written::Done),
            // 409 where two conditional writes meet; 404 where the object has gone (AWS: "Conditional requests").
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT | StatusCode::NOT_FOUND => Ok(Written::Changed),
            status => Err(LeanS3Error::Status { operation: Method::PUT, status }),
        }
    }

    /// Deletes an object, if it is there, and is this version where one is named (DeleteObject); says whether it was.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn delete_key(&self, key: &str, etag: Option<&str>) -> Result<bool, LeanS3Error> {
        let mut headers = HeaderMap::new();
        if let Some(etag) = etag {
            headers.insert(IF_MATCH, header_value(etag)?);
        }
        let response = self.send(Method::DELETE, &self.url(Method::DELETE, key)?, &headers, Bytes::new()).await?;
        match response.status() {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(true),
            StatusCode::NOT_FOUND => Ok(etag.is_none()),
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => Ok(false),
            status => Err(LeanS3Error::Status { operation: Method::DELETE, status }),
        }
    }

    /// Lists objects whose keys begin with `prefix`, in their order, a page at a time (ListObjectsV2).
    ///
    /// # Errors
    /// S3 failed.
    pub async fn page(&self, prefix: &str, continuation: Option<&str>) -> Result<Page<Listed>, LeanS3Error> {
        let mut parameters = vec![("list-type", "2"), ("encoding-type", "url"), ("prefix", prefix)];
        parameters.extend(continuation.map(|token| ("continuation-token", token)));
        let url = self.presigner.presign_list(&parameters, Clock::System.now(), URL_LIFE)?;
        let response = self.send(Method::GET, &url, &HeaderMap::new(), Bytes::new()).await?;
        if response.status() != StatusCode::OK {
            return Err(LeanS3Error::Status { operation: Method::GET, status: response.status() });
        }
        Ok(listing::read(response.body())?)
    }

    fn url(&self, method: Method, key: &str) -> Result<PresignedUrl, PresignError> {
        self.presigner.presign(&UrlTerms {
            method,
            key,
            response: &[],
            content_length: None,
            checksum: None,
            // As the SDK does: S3 compares it with its own clock, whatever time the request is decided for.
            at: Clock::System.now(),
            expires_in: URL_LIFE,
        })
    }

    /// Sends until S3 has an answer of its own. A write that is repeated meets its own condition.
    async fn send(
        &self,
        operation: Method,
        url: &PresignedUrl,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Bytes>, LeanS3Error> {
        let mut attempt = 1;
        loop {
            let mut request = Request::builder().method(&operation).uri(url.as_str());
            request.headers_mut().into_iter().for_each(|own| own.extend(headers.clone()));
            let answered = self.https.send(request.body(Full::new(body.clone()))?, ATTEMPT).await;
            let failed = answered.as_ref().map_or(true, |response| response.status().is_server_error());
            if !failed || attempt == TRIES {
                return answered.map_err(|cause| LeanS3Error::Https { operation, cause });
            }
            tokio::time::sleep(Duration::from_millis(25 << attempt)).await;
            attempt += 1;
        }
    }
}

fn etag(response: &Response<Bytes>) -> String {
    let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
    etag.unwrap_or_default().to_owned()
}

fn header_value(text: &str) -> Result<HeaderValue, LeanS3Error> {
    text.parse().map_err(|error| LeanS3Error::Request(http::Error::from(error)))
}

fn looked(key: &str, headers: &HeaderMap) -> Looked {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let modified = text("last-modified").and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
    let listed = Listed {
        key: key.to_owned(),
        size: text("content-length").and_then(|length| length.parse().ok()).unwrap_or_default(),
        stored: modified.and_then(|at| u64::try_from(at.secs()).ok()).map_or(date_time::LAST, Timestamp::from_seconds),
        etag: text("etag").map(str::to_owned),
    };
    Looked { listed, metadata: Metadata::read(|name| text(&format!("x-amz-meta-{name}"))) }
}
