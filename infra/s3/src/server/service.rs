//! A request's way through s3s: what is refused before it, what is noted for it, what its answer lacks.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use s3s::service::S3Service;
use s3s::{Body, StdError};

use super::answers::Asked;
use super::body::RequestBody;
use super::cors::{Cors, Origin};
use super::guard;
use crate::api::watched::Watched;

/// Answers requests, wherever they come from.
#[derive(Clone)]
pub(super) struct Service {
    pub s3: S3Service,
    pub cors: Cors,
    /// How long a client may send nothing of a body.
    pub idle: Duration,
}

impl Service {
    pub async fn answer<B>(&self, mut request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Send + Sync + Unpin + 'static,
    {
        let origin = Origin::of(&request);
        let asked = Asked::of(&request);
        if request.method() == Method::OPTIONS {
            return asked.complete(self.cors.preflight(origin.as_ref()));
        }
        let admitted = guard::admit(&mut request).and_then(|()| Watched::of(&request));
        let response = match admitted {
            Ok(watched) => self.call(request, watched).await,
            Err(error) => guard::refusal(error),
        };
        let mut response = asked.complete(response);
        if let Some(origin) = origin {
            self.cors.mark(&origin, response.headers_mut());
        }
        response
    }

    async fn call<B>(&self, mut request: Request<B>, watched: Option<Watched>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Send + Sync + Unpin + 'static,
    {
        let chunked = request.headers().get("x-amz-content-sha256");
        let chunked = chunked.is_some_and(|it| it.as_bytes() == b"STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        if let Some(watched) = watched.clone() {
            request.extensions_mut().insert(watched);
        }
        let taken = |body| RequestBody::new(body, self.idle, chunked, watched);
        let request = request.map(|body| Body::http_body(taken(body)));
        self.s3.call(request).await.unwrap_or_else(|_| internal_error())
    }
}

/// s3s could not even write its error.
fn internal_error() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}
