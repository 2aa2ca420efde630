//! API Gateway's events as requests, and answers as it takes them; Function URLs speak the same.
//!
//! lambda_http does the same with three copies of a body and twice the work of the bare runtime. Here a body is decoded
//! straight out of the event's bytes; events are read as lambda_http reads them, which the tests compare. What is no HTTP
//! event at all is answered, while lambda_http has it fail: a test event from the console, an integration that is no proxy,
//! another service's trigger.

mod event;
mod reply;

use http::{Method, StatusCode};
use lambda_http::Request;
use satchel_core::problem::Problem;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

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
    pub fn parse(json: &str) -> Result<Self, EventError> {
        event::parse(json)
    }

    /// Reads an event of a function that gets others as well; `None` for those.
    #[cfg(feature = "https")]
    pub(crate) fn of_value(event: &Value) -> Option<Result<Self, MalformedEvent>> {
        let is_http = event.get("httpMethod").is_some() || event.pointer("/requestContext/http").is_some();
        is_http.then(|| Self::parse(&event.to_string()).map_err(|_| MalformedEvent))
    }
}

/// What Lambda hands over, where it is an HTTP event.
pub(crate) struct HttpEvent(pub(crate) Result<Event, MalformedEvent>);

impl<'de> Deserialize<'de> for HttpEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The runtime's own deserializer notes where it is in the document, at a price for each field.
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(Event::parse(raw.get()).map_err(|_| MalformedEvent)))
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
