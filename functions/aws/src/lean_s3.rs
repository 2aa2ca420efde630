//! The few S3 operations of functions that stay small: presigned URLs, sent by the plain HTTPS client. The SDK's client
//! would treble the package.

mod listing;

use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{ETAG, IF_MATCH, IF_NONE_MATCH},
};
use http_body_util::Full;
use satchel_core::{base_url::BaseUrl, config::S3Config, metadata::Metadata, object_key::Key, time::Timestamp};
use satchel_https::{HttpsClient, HttpsError};

use crate::{
    clock::Clock,
    presign::{PresignError, PresignedUrl, Presigner, UrlTerms},
};
pub use listing::ListingError;
use listing::Page;

/// One attempt; S3 answers in milliseconds.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Attempts of a request that S3 failed (AWS: "Best practices design patterns", retries).
const TRIES: u32 = 3;
/// Seconds that a URL lives which is used at once.
const URL_LIFE: u64 = 60;
/// Pages of 1,000 keys that are listed at the most.
const MAX_PAGES: usize = 10;

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
    #[error("S3 {operation} failed: {cause}")]
    Https {
        /// The request's method.
        operation: Method,
        /// What went wrong.
        cause: HttpsError,
    },
    /// Another status than the operation has.
    #[error("S3 {operation} failed: {status}")]
    Status {
        /// The request's method.
        operation: Method,
        /// What S3 answered.
        status: StatusCode,
    },
    /// A listing that is none.
    #[error("S3's listing could not be read: {0}")]
    Listing(#[from] ListingError),
}

/// On what condition an object is written.
#[derive(Debug, Clone, Copy)]
pub enum Condition<'a> {
    /// There is none yet.
    Absent,
    /// It is still the one with this ETag.
    Matches(&'a str),
}

/// What writing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The object is there now, and it is ours.
    Done,
    /// The condition did not hold.
    Changed,
}

/// A small object.
#[derive(Debug, Clone)]
pub struct SmallObject {
    /// Its bytes.
    pub body: Bytes,
    /// Which bytes they are.
    pub etag: String,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was written.
    pub modified: Timestamp,
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
    pub async fn get(&self, key: &Key) -> Result<Option<SmallObject>, LeanS3Error> {
        let response = self.send(Method::GET, &self.url(Method::GET, key)?, &HeaderMap::new(), Bytes::new()).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(SmallObject { etag: etag(&response), body: response.into_body() })),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(LeanS3Error::Status { operation: Method::GET, status }),
        }
    }

    /// The metadata of an object (HeadObject); `None` where there is none.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn metadata(&self, key: &Key) -> Result<Option<Metadata>, LeanS3Error> {
        let response = self.send(Method::HEAD, &self.url(Method::HEAD, key)?, &HeaderMap::new(), Bytes::new()).await?;
        let header = |name: &str| response.headers().get(format!("x-amz-meta-{name}"))?.to_str().ok();
        match response.status() {
            StatusCode::OK => Ok(Some(Metadata::read(header))),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(LeanS3Error::Status { operation: Method::HEAD, status }),
        }
    }

    /// Writes an object on a condition (PutObject).
    ///
    /// # Errors
    /// S3 failed; whether the object was written is unknown then.
    pub async fn put(&self, key: &Key, body: Bytes, condition: Condition<'_>) -> Result<Written, LeanS3Error> {
        let (name, value) = match condition {
            Condition::Absent => (IF_NONE_MATCH, "*"),
            Condition::Matches(etag) => (IF_MATCH, etag),
        };
        let value = value.parse().map_err(|error| LeanS3Error::Request(http::Error::from(error)))?;
        let headers = HeaderMap::from_iter([(name, value)]);
        let response = self.send(Method::PUT, &self.url(Method::PUT, key)?, &headers, body).await?;
        match response.status() {
            StatusCode::OK => Ok(Written::Done),
            // 409 where two conditional writes meet; 404 where the object has gone (AWS: "Conditional requests").
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT | StatusCode::NOT_FOUND => Ok(Written::Changed),
            status => Err(LeanS3Error::Status { operation: Method::PUT, status }),
        }
    }

    /// Deletes an object, if it is there (DeleteObject).
    ///
    /// # Errors
    /// S3 failed.
    pub async fn delete(&self, key: &Key) -> Result<(), LeanS3Error> {
        let url = self.url(Method::DELETE, key)?;
        let response = self.send(Method::DELETE, &url, &HeaderMap::new(), Bytes::new()).await?;
        match response.status() {
            StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(()),
            status => Err(LeanS3Error::Status { operation: Method::DELETE, status }),
        }
    }

    /// The objects whose keys begin with `prefix`, in their order, of 10,000 at the most (ListObjectsV2).
    ///
    /// # Errors
    /// S3 failed.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, LeanS3Error> {
        self.pages(prefix, MAX_PAGES).await
    }

    /// The same, of however many there are.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn list_all(&self, prefix: &str) -> Result<Vec<Listed>, LeanS3Error> {
        self.pages(prefix, usize::MAX).await
    }

    async fn pages(&self, prefix: &str, most: usize) -> Result<Vec<Listed>, LeanS3Error> {
        let (mut listed, mut continuation) = (Vec::new(), None::<String>);
        for _ in 0..most {
            let page = self.page(prefix, continuation.as_deref()).await?;
            listed.extend(page.objects);
            match page.next {
                Some(next) => continuation = Some(next),
                None => break,
            }
        }
        Ok(listed)
    }

    async fn page(&self, prefix: &str, continuation: Option<&str>) -> Result<Page, LeanS3Error> {
        let mut parameters = vec![("list-type", "2"), ("encoding-type", "url"), ("prefix", prefix)];
        parameters.extend(continuation.map(|token| ("continuation-token", token)));
        let url = self.presigner.presign_list(&parameters, Clock::System.now(), URL_LIFE)?;
        let response = self.send(Method::GET, &url, &HeaderMap::new(), Bytes::new()).await?;
        if response.status() != StatusCode::OK {
            return Err(LeanS3Error::Status { operation: Method::GET, status: response.status() });
        }
        Ok(Page::read(response.body())?)
    }

    fn url(&self, method: Method, key: &Key) -> Result<PresignedUrl, PresignError> {
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
