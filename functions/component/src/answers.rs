//! Answers that hold what must be kept nowhere.

use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use lambda_http::{Body, Response};
use satchel_aws::answer;

/// mod_component_http drops an answer of any other type, parameters included, in silence.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// 200, with a body that holds a presigned URL or somebody's list of files, and therefore is kept nowhere.
pub(crate) fn ok(code: &'static str, content_type: HeaderValue, body: String) -> Response<Body> {
    let mut response = answer::empty(StatusCode::OK, code);
    *response.body_mut() = Body::Text(body);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
