//! The gateway's own answers, and the functions' answers as HTTP.

use http::{Method, StatusCode};
use http_body_util::Full;
use hyper::Response;
use lambda_http::Body;
use satchel_aws::{answer::refusal, event};
use satchel_core::problem::Problem;

use super::Answer;

/// A function's answer, as the client gets it.
pub fn of(response: Response<Body>) -> Answer {
    response.map(|body| Full::new(event::into_bytes(body)))
}

/// A refusal of the gateway itself.
pub fn refuse(
    method: &Method,
    status: StatusCode,
    code: &'static str,
    cause: &dyn std::error::Error,
) -> Response<Body> {
    refusal(method, &Problem::new(status, code, cause.to_string()))
}

/// What API Gateway says where a function has crashed.
pub fn failed(method: &Method) -> Response<Body> {
    refusal(method, &Problem::new(StatusCode::BAD_GATEWAY, "function_failed", "the function failed; try again"))
}

/// What AWS says to a body that no event can hold.
pub fn too_large(method: &Method) -> Response<Body> {
    let detail = "the body is larger than an AWS Lambda event can hold (4.5 MiB); large files need a front or a slot";
    refusal(method, &Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail))
}
