//! Answers, each with the CORS headers that browser clients need even on errors.

use http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
};
use lambda_http::{Body, Response};
use satchel_core::{
    cors,
    problem::{PROBLEM_JSON, Problem},
};
use satchel_telemetry::line::REASON;

use crate::{
    log::{self, Outcome},
    presign::PresignedUrl,
};

/// Seconds after which a client may try again when storage has failed it.
const RETRY_AFTER_SECONDS: &str = "5";

/// A browser is to take an answer for what it says it is.
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// An answer without a body, such as 201 or 204.
#[must_use]
pub fn empty(status: StatusCode, code: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response.extensions_mut().insert(Outcome::new(code));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    cors::allow_any_origin(response.headers_mut());
    response
}

/// The answer to OPTIONS: a preflight is answered, never redirected (Fetch, "CORS-preflight fetch").
#[must_use]
pub fn preflight() -> Response<Body> {
    empty(StatusCode::NO_CONTENT, "preflight")
}

/// 307 to a presigned URL, so that the method stays (RFC 9110, section 15.4.8). `max_age` seconds of
/// caching, none where it is 0.
#[must_use]
pub fn redirect(url: &PresignedUrl, max_age: u64) -> Response<Body> {
    let mut response = empty(StatusCode::TEMPORARY_REDIRECT, "redirected");
    let caching = if max_age == 0 { "no-store".to_owned() } else { format!("private, max-age={max_age}") };
    set(&mut response, LOCATION, url.as_str());
    set(&mut response, CACHE_CONTROL, &caching);
    response
}

/// A refusal. HEAD has no body (RFC 9110, section 9.3.2).
#[must_use]
pub fn refusal(method: &Method, problem: &Problem) -> Response<Body> {
    let mut response = empty(problem.status, problem.code);
    set(&mut response, CONTENT_TYPE, PROBLEM_JSON);
    set(&mut response, CACHE_CONTROL, "no-store");
    match problem.status {
        StatusCode::UNAUTHORIZED => set(&mut response, WWW_AUTHENTICATE, "Bearer"),
        StatusCode::SERVICE_UNAVAILABLE => set(&mut response, RETRY_AFTER, RETRY_AFTER_SECONDS),
        _ => {}
    }
    if method != Method::HEAD {
        *response.body_mut() = Body::Text(problem.to_json());
    }
    response
}

/// 405 with the methods there are (RFC 9110, section 15.5.6).
#[must_use]
pub fn method_not_allowed(method: &Method, allow: &'static str) -> Response<Body> {
    let detail = format!("this address takes {allow}");
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    let mut response = refusal(method, &problem);
    set(&mut response, ALLOW, allow);
    log::note(&mut response, REASON, problem.detail);
    response
}

/// Adds a header whose value is known to be one; a value that is none is left out.
pub fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
