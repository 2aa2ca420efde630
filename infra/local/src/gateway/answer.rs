//! The gateway's own refusals, and the functions' answers as HTTP.

use http::{Method, StatusCode};
use http_body_util::Full;
use hyper::Response;
use lambda_http::Body;
use satchel_aws::{answer::refusal, event, log};
use satchel_core::problem::Problem;

use super::{Answer, body::BodyError, event::EventError};

/// Why a request reaches no function, or comes back from none.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The body did not come.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// No event can be made of it.
    #[error(transparent)]
    Event(#[from] EventError),
    /// What AWS says to a body that no event can hold.
    #[error("the body is larger than an AWS Lambda event can hold (4.5 MiB); large files need a front or a slot")]
    TooLarge,
    /// The same of a chunk.
    #[error("the chunk is larger than an AWS Lambda event can hold (4.45 MiB); set the client's chunk size to 4 MiB")]
    ChunkTooLarge,
    /// What API Gateway says where a function has crashed.
    #[error("the function failed; try again")]
    Failed,
}

impl GatewayError {
    /// The answer to the client.
    pub fn answer(&self, method: &Method) -> Response<Body> {
        let (status, code) = match self {
            Self::Body(error) => return error.answer(method),
            Self::Event(_) => (StatusCode::BAD_REQUEST, "request_malformed"),
            Self::TooLarge | Self::ChunkTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Failed => (StatusCode::BAD_GATEWAY, "function_failed"),
        };
        refuse(method, status, code, self)
    }
}

/// A refusal of the gateway itself.
pub fn refuse(
    method: &Method,
    status: StatusCode,
    code: &'static str,
    cause: &dyn std::error::Error,
) -> Response<Body> {
    let mut response = refusal(method, &Problem::new(status, code, cause.to_string()));
    log::note(&mut response, "reason", cause.to_string());
    response
}

/// A function's answer, as the client gets it.
pub fn of(response: Response<Body>) -> Answer {
    response.map(|body| Full::new(event::into_bytes(body)))
}
