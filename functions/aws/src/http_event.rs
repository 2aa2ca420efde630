//! An invocation of a function that answers HTTP, and the answer to one that is no HTTP event at all: a test event from
//! the console, an integration that is no proxy, another service's trigger. lambda_http itself has such events fail.

use http::{Method, StatusCode};
use lambda_http::request::LambdaRequest;
use satchel_core::problem::Problem;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{
    answer,
    cloudwatch::CloudWatch,
    log::{EventFailure, Seen},
    proxy,
};

/// What Lambda hands over, where it is an HTTP event.
pub(crate) struct HttpEvent(pub(crate) Result<LambdaRequest, MalformedEvent>);

impl<'de> Deserialize<'de> for HttpEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(LambdaRequest::deserialize(deserializer).map_err(|_| MalformedEvent)))
    }
}

/// What goes back to Lambda.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Answer<R> {
    /// The handler's answer, in the shape of its event.
    Http(R),
    /// In the shape that REST APIs, HTTP APIs and Function URLs have in common.
    Refused(Option<Value>),
}

/// No event that API Gateway or a Function URL sends.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(
    "the event is none of API Gateway's (Lambda proxy integration) or a Function URL's; nothing else is answered here"
)]
pub(crate) struct MalformedEvent;

impl EventFailure for MalformedEvent {}

impl MalformedEvent {
    /// Logs it, as it is somebody's mistake in the set-up, and gives the 400.
    pub(crate) fn answer(self, cloudwatch: &CloudWatch, seen: &Seen) -> Value {
        cloudwatch.write(&seen.event_line(&Err(self)));
        let problem = Problem::new(StatusCode::BAD_REQUEST, "event_malformed", self.to_string());
        proxy::response(answer::refusal(&Method::GET, &problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str) -> Result<LambdaRequest, MalformedEvent> {
        serde_json::from_str::<HttpEvent>(event).unwrap().0
    }

    #[test]
    fn what_is_no_http_event_is_answered_400() {
        for event in ["{}", "[]", "null", "1", r#""text""#, r#"{"Records":[]}"#, r#"{"httpMethod":7}"#] {
            let seen = Seen::of_event("upload", "r".into());
            let answer = read(event).err().unwrap().answer(&CloudWatch::from_environment(), &seen);
            assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&400.into(), &false.into()), "{event}");
            assert_eq!(answer["headers"]["content-type"], "application/problem+json");
            assert_eq!(answer["headers"]["access-control-allow-origin"], "*");
            let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!(problem["code"], "event_malformed");
        }
    }

    #[test]
    fn what_is_one_is_handed_on() {
        let rest = r#"{"httpMethod":"GET","path":"/upload/a","headers":{},"requestContext":{"httpMethod":"GET"}}"#;
        assert!(matches!(read(rest), Ok(LambdaRequest::ApiGatewayV1(_))));
    }
}
