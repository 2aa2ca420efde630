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
    let detail = "the function failed; try again";
    refusal(method, &Problem::new(StatusCode::BAD_GATEWAY, "function_failed", detail))
}

/// An answer without content that needs no event.
pub fn created() -> Response<Body> {
    satchel_aws::answer::empty(StatusCode::CREATED, "stored")
}
