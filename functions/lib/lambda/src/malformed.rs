//! What is no request: somebody's mistake in the set-up, answered all the same.

use http::{Method, StatusCode};
use satchel_core::{answer::Answer, outcome::EventFailure, problem::Problem};
use serde_json::{Value, json};

/// No event that API Gateway or a Function URL sends.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(
    "the event is none of API Gateway's (Lambda proxy integration) or a Function URL's; nothing else is answered here"
)]
pub(crate) struct MalformedEvent;

impl EventFailure for MalformedEvent {}

impl MalformedEvent {
    /// The 400, in the shape that REST APIs, HTTP APIs and Function URLs have in common: a REST API takes no members that it
    /// does not know.
    pub(crate) fn answer(self) -> Value {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "event_malformed", self.to_string());
        let response = Answer::of_problem(&Method::GET, &problem).response;
        let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            Some((name.to_string(), Value::from(value.to_str().ok()?)))
        };
        let headers: serde_json::Map<String, Value> = response.headers().iter().filter_map(text).collect();
        json!({
            "statusCode": response.status().as_u16(),
            "headers": headers,
            "body": problem.to_json(),
            "isBase64Encoded": false,
        })
    }
}
