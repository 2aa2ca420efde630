//! API Gateway's events as requests, and answers as it takes them; Function URLs speak the same.
//!
//! lambda_http does the same with three copies of a body and twice the work of the bare runtime. Here a body is decoded
//! within the event's bytes; events are read as lambda_http reads them, which the tests compare. What is no HTTP
//! event at all is answered, while lambda_http has it fail: a test event from the console, an integration that is no proxy,
//! another service's trigger.

mod body;
mod event;
mod reply;

use http::{Method, StatusCode};
use lambda_http::Request;
use satchel_core::problem::Problem;
use serde_json::Value;

pub use event::{EventError, Shape};
pub use reply::Reply;

use crate::{
    answer,
    cloudwatch::CloudWatch,
    log::{EventFailure, Seen},
};

/// An event as a request, with what lambda_http's `RequestExt` tells of it.
#[derive(Debug)]
pub struct Event {
    /// The request.
    pub request: Request,
    /// How it was written.
    pub shape: Shape,
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// See [`EventError`].
    pub fn parse(json: Vec<u8>) -> Result<Self, EventError> {
        event::parse(json)
    }

    /// Whether this is meant to be one, for a function that gets others as well.
    #[cfg(feature = "https")]
    pub(crate) fn is_in(event: &Value) -> bool {
        event.get("httpMethod").is_some() || event.pointer("/requestContext/http").is_some()
    }
}

/// No event that API Gateway or a Function URL sends.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(
    "the event is none of API Gateway's (Lambda proxy integration) or a Function URL's; nothing else is answered here"
)]
pub(crate) struct MalformedEvent;

impl EventFailure for MalformedEvent {}

impl MalformedEvent {
    /// Logs it, as it is somebody's mistake in the set-up, and gives the 400, in the shape that REST APIs, HTTP APIs and
    /// Function URLs have in common.
    pub(crate) fn answer(self, cloudwatch: &CloudWatch, seen: &Seen) -> Reply {
        cloudwatch.write(&seen.event_line(&Err::<Value, _>(self)));
        let problem = Problem::new(StatusCode::BAD_REQUEST, "event_malformed", self.to_string());
        Reply::of_any_shape(answer::refusal(&Method::GET, &problem))
    }
}

#[cfg(test)]
mod tests;
