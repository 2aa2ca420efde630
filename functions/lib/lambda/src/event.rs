//! Requests as functions get them, whichever of API Gateway's shapes they came in, and answers as lambda_http takes them.

use bytes::Bytes;
use lambda_http::{Body, Request, RequestExt, Response, request::RequestContext};
use satchel_core::{answer::Answer, head::RawHead, route::PathEncoding};

/// The head of a request, and its body, taken out of the event without a copy.
#[must_use]
pub fn read(request: Request) -> (RawHead, Bytes) {
    let context = request.request_context_ref();
    let encoding = match context {
        Some(RequestContext::ApiGatewayV2(_)) => PathEncoding::PerhapsDecoded,
        _ => PathEncoding::AsSent,
    };
    let query = request.query_string_parameters_ref();
    let query = query.map(|query| query.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    let (stage, own_address, path) = (stage(&request), own_address(&request), request.raw_http_path().to_owned());
    let (parts, body) = request.into_parts();
    let body = match body {
        Body::Text(text) => text.into(),
        Body::Binary(binary) => binary.into(),
        _ => Bytes::new(),
    };
    let head = RawHead {
        method: parts.method,
        path,
        encoding,
        stage,
        query: query.unwrap_or_default(),
        headers: parts.headers,
        body_bytes: body.len() as u64,
        own_address,
    };
    (head, body)
}

/// An answer as lambda_http writes it: as text where it is text, in base64 otherwise.
#[must_use]
pub fn response(answer: Answer) -> Response<Body> {
    answer.response.map(|body| match body {
        body if body.is_empty() => Body::Empty,
        body => match String::from_utf8(body.into()) {
            Ok(text) => Body::Text(text),
            Err(binary) => Body::Binary(binary.into_bytes()),
        },
    })
}

/// API Gateway's id of the request.
pub(crate) fn request_id(request: &Request) -> Option<&str> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.request_id.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.request_id.as_deref(),
        _ => None,
    }
}

/// The address that a request came to, without its query, as API Gateway tells it: no header of the client's.
fn own_address(request: &Request) -> Option<String> {
    let (host, path) = match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => (context.domain_name.as_ref()?, context.path.as_deref()),
        RequestContext::ApiGatewayV2(context) => (context.domain_name.as_ref()?, None),
        _ => return None,
    };
    Some(format!("https://{host}{}", path.unwrap_or_else(|| request.raw_http_path())))
}

/// The stage that API Gateway names.
fn stage(request: &Request) -> Option<String> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.stage.clone(),
        RequestContext::ApiGatewayV2(context) => context.stage.clone(),
        _ => None,
    }
}
