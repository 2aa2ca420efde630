//! The front of large uploads: a function has said yes, the body goes straight to S3 with constant memory, and
//! is sealed before the client hears 201.

use std::{error::Error, io, time::Instant};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use http::{
    HeaderMap, Method, StatusCode, Uri,
    header::{CONTENT_LENGTH, ETAG, HOST, LOCATION},
    request::Parts,
};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use lambda_http::Body;
use rustls::{ClientConfig, RootCertStore};
use satchel_aws::{
    answer::refusal,
    log::{self, Line},
    presign,
    seal::{Sealed, seal},
    storage::{Incoming as Upload, Storage, StorageError},
};
use satchel_core::{
    config::S3Config,
    digest::{DigestError, Sha256Digest},
    grant::Grant,
    object_key::ObjectKey,
    problem::Problem,
};
use sha2::{Digest, Sha256};

use super::{
    answer::created,
    body::{self, BodyError},
};

/// Why a body did not arrive.
#[derive(Debug, thiserror::Error)]
enum FrontError {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Digest(#[from] DigestError),
    #[error("there is a file at this address already; ask for a new slot")]
    Exists,
    #[error("the file store is not available; nothing is lost, try again")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    #[error("the file store is not available; nothing is lost, try again")]
    Storage(#[from] StorageError),
    #[error("the file store did not take the upload; try again")]
    Refused(StatusCode),
    #[error("the upload was replaced while it was stored; try again")]
    Replaced,
    #[error("the upload could not be prepared; try again")]
    Redirect,
}

type S3Body = UnsyncBoxBody<Bytes, FrontError>;

/// Streams bodies to presigned URLs and seals what has arrived.
#[derive(Debug)]
pub struct Front {
    client: Client<HttpsConnector<HttpConnector>, S3Body>,
    storage: Storage,
    bucket: String,
    /// Scheme and authority to connect to, where the signed name is one for clients only.
    endpoint: Option<Uri>,
}

impl Front {
    /// A front for the bucket of `config`.
    ///
    /// # Errors
    /// No root certificates can be found for an https:// endpoint.
    pub fn new(config: &S3Config, storage: Storage) -> Result<Self, io::Error> {
        let secure = config.endpoint.as_ref().is_none_or(|url| url.scheme() == "https");
        let tls = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(if secure { roots()? } else { RootCertStore::empty() })
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let endpoint = config.public_endpoint.as_ref().and(config.endpoint.as_ref());
        let endpoint = endpoint.and_then(|url| url.as_str().parse().ok());
        Ok(Self { client, storage, bucket: config.bucket.clone(), endpoint })
    }

    /// Sends the body where `decision` redirects to, seals it, and answers for both.
    pub async fn stream(
        &self,
        parts: &Parts,
        body: Incoming,
        decision: &Response<Body>,
        length: u64,
        log: fn(&Line),
    ) -> Response<Body> {
        let started = Instant::now();
        let mut response = match self.store(&parts.headers, body, decision, length).await {
            Ok(()) => created(),
            Err(error) => error.answer(&parts.method),
        };
        log::note(&mut response, "size_bytes", length);
        log(&Line::of("front", "", parts.method.clone(), &response, started.elapsed()));
        response
    }

    async fn store(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        decision: &Response<Body>,
        length: u64,
    ) -> Result<(), FrontError> {
        let url = decision.headers().get(LOCATION).and_then(|url| url.to_str().ok()).ok_or(FrontError::Redirect)?;
        let grant = self.grant(url).ok_or(FrontError::Redirect)?;
        let digest = Sha256Digest::announced(|name| headers.get(name)?.to_str().ok())?;
        let request = self.request(url, length, checked(body, length, digest)).ok_or(FrontError::Redirect)?;
        let stored = self.client.request(request).await.map_err(FrontError::of)?;
        if !stored.status().is_success() {
            return Err(FrontError::Refused(stored.status()));
        }
        let etag = stored.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned();
        match seal(&self.storage, &Upload { grant, size: length, etag }).await? {
            Sealed::Ours => Ok(()),
            Sealed::Lost => Err(FrontError::Exists),
            Sealed::WrongSize | Sealed::Gone => Err(FrontError::Replaced),
        }
    }

    fn grant(&self, url: &str) -> Option<Grant> {
        match ObjectKey::parse(&presign::key_of(url, &self.bucket)?)? {
            ObjectKey::Incoming(grant) => Some(*grant),
            ObjectKey::Upload(_) => None,
        }
    }

    /// The Host that was signed goes along, whatever address is connected to.
    fn request(&self, url: &str, length: u64, body: S3Body) -> Option<Request<S3Body>> {
        let signed: Uri = url.parse().ok()?;
        let mut target = signed.clone().into_parts();
        if let Some(endpoint) = self.endpoint.clone() {
            (target.scheme, target.authority) = (endpoint.scheme().cloned(), endpoint.authority().cloned());
        }
        let request = Request::builder().method(Method::PUT).uri(Uri::from_parts(target).ok()?);
        request.header(HOST, signed.authority()?.as_str()).header(CONTENT_LENGTH, length).body(body).ok()
    }
}

fn roots() -> Result<RootCertStore, io::Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(io::Error::other("no root certificates on this machine; install ca-certificates"));
    }
    Ok(roots)
}

/// The body as it comes, its last piece held back until the digest is right: S3 keeps nothing of a request that
/// breaks off.
fn checked(body: Incoming, length: u64, digest: Option<Sha256Digest>) -> S3Body {
    let hashed = digest.map(|digest| (digest, Sha256::new()));
    BodyExt::boxed_unsync(StreamBody::new(pieces(body, length, hashed).map_ok(Frame::data)))
}

type Hashed = Option<(Sha256Digest, Sha256)>;

fn pieces(body: Incoming, length: u64, hashed: Hashed) -> impl Stream<Item = Result<Bytes, FrontError>> + Send {
    stream::try_unfold((body, length, hashed), async |(mut body, left, mut hashed)| {
        let Some(piece) = body::next(&mut body).await? else {
            return if left == 0 { Ok(None) } else { Err(BodyError::Incomplete.into()) };
        };
        let left = left.checked_sub(piece.len() as u64).ok_or(BodyError::TooLong)?;
        if let Some((digest, hasher)) = &mut hashed {
            hasher.update(&piece);
            if left == 0 && Sha256Digest::from_bytes(hasher.clone().finalize().into()) != *digest {
                return Err(DigestError::Mismatch.into());
            }
        }
        Ok(Some((piece, (body, left, hashed))))
    })
}

impl FrontError {
    /// What our own side of the stream said, if that is what broke it.
    fn of(error: hyper_util::client::legacy::Error) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            match error.downcast_ref::<Self>() {
                Some(Self::Digest(digest)) => return (*digest).into(),
                Some(Self::Body(body)) => return (*body).into(),
                _ => cause = error.source(),
            }
        }
        Self::Unreachable(error)
    }

    fn answer(&self, method: &Method) -> Response<Body> {
        let (status, code) = match self {
            Self::Body(error) => return error.answer(method),
            Self::Digest(DigestError::Mismatch) => (StatusCode::BAD_REQUEST, "digest_mismatch"),
            Self::Digest(_) => (StatusCode::BAD_REQUEST, "digest_malformed"),
            Self::Exists => (StatusCode::CONFLICT, "file_exists"),
            Self::Unreachable(_) | Self::Storage(_) | Self::Refused(_) | Self::Replaced => {
                (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable")
            }
            Self::Redirect => (StatusCode::INTERNAL_SERVER_ERROR, "not_prepared"),
        };
        let mut response = refusal(method, &Problem::new(status, code, self.to_string()));
        match self {
            Self::Storage(cause) => log::note(&mut response, "cause", cause.to_string()),
            // Its sources say why; it knows no URL.
            Self::Unreachable(cause) => log::note(&mut response, "cause", format!("{cause:?}")),
            Self::Refused(status) => log::note(&mut response, "s3_status", status.as_u16()),
            _ => {}
        }
        response
    }
}
