//! The front of large uploads: a function has said yes, the body goes straight to S3 with constant memory, and
//! is sealed before the client hears 201.

use std::{io, time::Duration};

use http::{
    HeaderMap, StatusCode, Uri,
    header::{CONTENT_LENGTH, ETAG, HOST, LOCATION},
    request::Parts,
};
use hyper::{Request, Response, body::Incoming};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use lambda_http::Body;
use satchel_aws::{answer, event, log, presign::CHECKSUM, storage::Storage};
use satchel_core::{base_url::BaseUrl, config::S3Config, digest::Sha256Digest, grant::Grant};
use satchel_https::{Connector, connector};
use satchel_store::{
    Incoming as Upload,
    sealing::{Sealed, seal},
};
use satchel_upload::UploadError;

use super::{
    front_error::FrontError,
    pump::{Progress, S3Body, pumped},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a body that wait to be sent, for each upload.
const BUFFER: usize = 64 * 1024;
/// How long S3 may take nothing of a body that is there, and then for its answer. Longer than a client may stall,
/// so that the one at fault is named.
pub const S3_PATIENCE: Duration = Duration::from_secs(90);

/// Streams bodies to presigned URLs and seals what has arrived.
#[derive(Debug)]
pub struct Front {
    client: Client<Connector, S3Body>,
    storage: Storage,
    /// Scheme and authority to connect to, where the signed name is one for clients only.
    endpoint: Option<Uri>,
    patience: Duration,
}

impl Front {
    /// A front for the bucket of `config`, which gives S3 up after `patience` without progress.
    ///
    /// # Errors
    /// No root certificates can be found for an https:// endpoint.
    pub fn new(config: &S3Config, storage: Storage, patience: Duration) -> Result<Self, io::Error> {
        let secure = config.endpoint.as_ref().is_none_or(BaseUrl::is_secure);
        let connector = connector(CONNECT_TIMEOUT, patience, secure)?;
        let client = Client::builder(TokioExecutor::new()).http1_max_buf_size(BUFFER).build(connector);
        let endpoint = config.public_endpoint.as_ref().and(config.endpoint.as_ref());
        let endpoint = endpoint.and_then(|url| url.to_string().parse().ok());
        Ok(Self { client, storage, endpoint, patience })
    }

    /// Sends the body where `decision` redirects to, seals it, and answers for both.
    pub async fn stream(&self, parts: &Parts, body: Incoming, decision: &Response<Body>) -> Response<Body> {
        let sealed = match self.store(&parts.headers, body, decision).await {
            Ok(sealed) => sealed,
            Err(error) => return error.answer(&parts.method),
        };
        let mut response = answer::empty(StatusCode::CREATED, "stored");
        if let Some(size) = sealed {
            log::note_sealed(&mut response, size);
        }
        response
    }

    /// Gives the bytes that it has sealed; none where S3's event was faster.
    async fn store(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        decision: &Response<Body>,
    ) -> Result<Option<u64>, FrontError> {
        let url = decision.headers().get(LOCATION).and_then(|url| url.to_str().ok()).ok_or(FrontError::Redirect)?;
        let grant = decision.extensions().get::<Grant>().cloned().ok_or(FrontError::Redirect)?;
        let digest = event::announced_digest(headers)?;
        let (body, progress) = pumped(body, grant.size, digest);
        let request = self.request(url, grant.size, digest, body).ok_or(FrontError::Redirect)?;
        let etag = self.put(request, progress).await?;
        let size = grant.size;
        match seal(&self.storage, &Upload { grant, size, etag }).await? {
            Sealed::Promoted => Ok(Some(size)),
            Sealed::Ours => Ok(None),
            Sealed::Lost => Err(UploadError::Exists.into()),
            Sealed::WrongSize | Sealed::Gone => Err(FrontError::Replaced),
        }
    }

    async fn put(&self, request: Request<S3Body>, mut progress: Progress) -> Result<String, FrontError> {
        let stored = tokio::select! {
            stored = self.client.request(request) => stored.map_err(FrontError::of)?,
            () = progress.ceases(self.patience) => return Err(FrontError::Hangs),
        };
        if !stored.status().is_success() {
            return Err(FrontError::Refused(stored.status()));
        }
        Ok(stored.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned())
    }

    /// The Host that was signed goes along, whatever address is connected to.
    fn request(&self, url: &str, length: u64, digest: Option<Sha256Digest>, body: S3Body) -> Option<Request<S3Body>> {
        let signed: Uri = url.parse().ok()?;
        let mut target = signed.clone().into_parts();
        if let Some(endpoint) = self.endpoint.clone() {
            (target.scheme, target.authority) = (endpoint.scheme().cloned(), endpoint.authority().cloned());
        }
        let request = Request::put(Uri::from_parts(target).ok()?).header(HOST, signed.authority()?.as_str());
        let request = request.header(CONTENT_LENGTH, length);
        let request = match digest {
            Some(digest) => request.header(CHECKSUM, digest.to_base64()),
            None => request,
        };
        request.body(body).ok()
    }
}
