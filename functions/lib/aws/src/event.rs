//! What a function reads off an HTTP event, whichever of API Gateway's shapes it came in.

use bytes::Bytes;
use http::HeaderMap;
use lambda_http::{Body, Request, RequestExt, request::RequestContext};
use satchel_core::{
    credential::{Credential, CredentialError},
    digest::{DigestError, Sha256Digest},
    route::{PathEncoding, Resource, Route, RouteError},
    upload_path::UploadPath,
};

/// How a front announces the size of a body that it keeps back.
pub const UPLOAD_LENGTH: &str = "x-upload-length";

/// The lengths of a request contradict each other or are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LengthError {
    /// Not a whole number.
    #[error("the {0} header is not a whole number of bytes")]
    Malformed(&'static str),
    /// Chunked transfer coding does not say beforehand how long the body is.
    #[error("the request has no Content-Length; chunked transfer coding is not enough")]
    Missing,
    /// The body has another length.
    #[error("the upload has {actual} bytes, {announced} were announced; nothing was stored")]
    Mismatch {
        /// Bytes the header says.
        announced: u64,
        /// Bytes there are.
        actual: u64,
    },
}

/// A header's value, where it is text.
#[must_use]
pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The first value of a query parameter, decoded.
#[must_use]
pub fn parameter<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.query_string_parameters_ref()?.first(name)
}

/// API Gateway's id of the request.
#[must_use]
pub fn request_id(request: &Request) -> Option<&str> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.request_id.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.request_id.as_deref(),
        _ => None,
    }
}

/// The address that a request came to, without its query, as API Gateway tells it: no header of the client's.
#[must_use]
pub fn own_address(request: &Request) -> Option<String> {
    let (host, path) = match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => (context.domain_name.as_ref()?, context.path.as_deref()),
        RequestContext::ApiGatewayV2(context) => (context.domain_name.as_ref()?, None),
        _ => return None,
    };
    Some(format!("https://{host}{}", path.unwrap_or_else(|| request.raw_http_path())))
}

/// The same where nobody but the client says it: by its Host header, with the scheme that a trusted proxy names. Without a
/// host, the path alone.
#[must_use]
pub fn address(request: &Request) -> String {
    let by_host = || {
        let host = header(request, "host")?;
        let secure = header(request, "x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        Some(format!("{}://{host}{}", if secure { "https" } else { "http" }, request.raw_http_path()))
    };
    own_address(request).or_else(by_host).unwrap_or_else(|| request.raw_http_path().to_owned())
}

/// The stage that API Gateway names.
#[must_use]
pub fn stage(request: &Request) -> Option<&str> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.stage.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.stage.as_deref(),
        _ => None,
    }
}

/// Where a request leads. Only the raw path counts: `uri()` has been through a URL parser that collapses `..` and
/// cuts at `?` and `#`.
///
/// # Errors
/// Outside the deployment's prefix.
pub fn route<'a>(request: &'a Request, public_path: Option<&str>) -> Result<Route<'a>, RouteError> {
    Route::of(request.raw_http_path(), public_path, stage(request)).ok_or(RouteError::NotFound)
}

/// The possible readings of the upload path, at least one.
///
/// # Errors
/// See [`RouteError`]; an address for resumable uploads is none.
pub fn upload_paths(request: &Request, public_path: Option<&str>) -> Result<Vec<UploadPath>, RouteError> {
    paths(request, public_path, |resource| resource != Resource::Resume)
}

/// The possible readings of a resumable upload's path, at least one.
///
/// # Errors
/// See [`RouteError`]; any other address is none.
pub fn resume_paths(request: &Request, public_path: Option<&str>) -> Result<Vec<UploadPath>, RouteError> {
    paths(request, public_path, |resource| resource == Resource::Resume)
}

fn paths(
    request: &Request,
    public_path: Option<&str>,
    is_meant: impl Fn(Resource) -> bool,
) -> Result<Vec<UploadPath>, RouteError> {
    let encoding = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(_)) => PathEncoding::PerhapsDecoded,
        _ => PathEncoding::AsSent,
    };
    let route = route(request, public_path)?;
    if is_meant(route.resource) { Ok(route.readings(encoding)?) } else { Err(RouteError::NotFound) }
}

/// The upload token.
///
/// # Errors
/// See [`CredentialError`].
pub fn credential(request: &Request) -> Result<Credential, CredentialError> {
    Credential::select(header(request, "authorization"), |name| parameter(request, name))
}

/// The name of the protocol that a request for an upload tries, well-formed or not, for the log.
#[must_use]
pub fn protocol_tried(request: &Request) -> Option<&'static str> {
    Credential::tried(header(request, "authorization"), |name| parameter(request, name), request.raw_http_path())
}

/// The upload token of header or query, with the paths as they are; else the one that ends the path and is no part of
/// it.
///
/// # Errors
/// See [`CredentialError`].
pub fn credential_and_paths(
    request: &Request,
    paths: Vec<UploadPath>,
) -> Result<(Credential, Vec<UploadPath>), CredentialError> {
    let found = credential(request);
    let in_path = paths.first().filter(|_| found == Err(CredentialError::Missing)).and_then(Credential::in_path);
    match in_path {
        Some((credential, path)) => Ok((credential, vec![path])),
        None => Ok((found?, paths)),
    }
}

/// Bytes of the upload: the body's, checked against Content-Length; without a body what a front
/// announces in `X-Upload-Length`, else Content-Length. `None` where nothing tells.
///
/// # Errors
/// See [`LengthError`].
pub fn upload_length(request: &Request) -> Result<Option<u64>, LengthError> {
    let actual = request.body().len() as u64;
    let (content, upload) = (length(request, "content-length")?, length(request, UPLOAD_LENGTH)?);
    if content.is_none() && request.headers().contains_key("transfer-encoding") {
        return Err(LengthError::Missing);
    }
    // A front's own request has no body; its Content-Length is absent or 0.
    if let (Some(announced @ 1..), Some(upload)) = (content, upload)
        && announced != upload
    {
        return Err(LengthError::Mismatch { announced: upload, actual: announced });
    }
    if actual == 0 {
        return Ok(upload.or(content));
    }
    match content.or(upload) {
        Some(announced) if announced != actual => Err(LengthError::Mismatch { announced, actual }),
        _ => Ok(Some(actual)),
    }
}

/// The digest that the headers announce.
///
/// # Errors
/// See [`DigestError`]; a header that is no text is malformed, not absent.
pub fn announced_digest(headers: &HeaderMap) -> Result<Option<Sha256Digest>, DigestError> {
    Sha256Digest::announced(|name| headers.get(name).map(|value| value.to_str().unwrap_or(NO_DIGEST)))
}

/// What reads as a digest of every header, and as a malformed one.
const NO_DIGEST: &str = "sha-256=?";

fn length(request: &Request, name: &'static str) -> Result<Option<u64>, LengthError> {
    let Some(value) = request.headers().get(name) else { return Ok(None) };
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).map(Some).ok_or(LengthError::Malformed(name))
}

/// The body, taken out of the event without a copy.
#[must_use]
pub fn into_bytes(body: Body) -> Bytes {
    match body {
        Body::Text(text) => text.into(),
        Body::Binary(binary) => binary.into(),
        _ => Bytes::new(),
    }
}
