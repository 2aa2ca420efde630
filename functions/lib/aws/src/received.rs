//! What a function is invoked with: events of API Gateway and Function URLs, which lambda_http makes requests of, and all the
//! rest: a test event from the console, an integration that is no proxy, another service's trigger. lambda_http lets the rest
//! fail, and ends the process over a few requests that any client can send; here both are told apart, to be answered.

use base64_simd::STANDARD;
use http::{HeaderMap, Method, StatusCode, Uri, header::HOST};
use lambda_http::{Request, request::LambdaRequest};
use satchel_core::problem::Problem;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json, value::RawValue};
use url::Url;

use crate::{answer, log::EventFailure};

/// JSON that a function is invoked with.
#[derive(Debug)]
pub(crate) enum Received {
    /// Of API Gateway's REST and HTTP APIs, or of a Function URL.
    Request(Box<LambdaRequest>),
    /// Of somebody else.
    Other(
        #[cfg_attr(
            not(feature = "secrets"),
            expect(dead_code, reason = "without it no function takes other events as well")
        )]
        Box<RawValue>,
    ),
}

impl Received {
    fn read(json: &RawValue) -> Self {
        // As lambda_http tells them apart, without its copy of the event.
        let text = json.get();
        let request = serde_json::from_str(text).map(LambdaRequest::ApiGatewayV1);
        let request = request.or_else(|_| serde_json::from_str(text).map(LambdaRequest::ApiGatewayV2));
        let sound = request.ok().filter(is_sound);
        sound.map_or_else(|| Self::Other(json.to_owned()), |request| Self::Request(Box::new(request)))
    }
}

impl<'de> Deserialize<'de> for Received {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self::read)
    }
}

/// An event's request, as functions get it; `None` where it is no event, or has no request in it.
#[must_use]
pub fn request(event: &str) -> Option<Request> {
    match serde_json::from_str(event).ok()? {
        Received::Request(request) => Some((*request).into()),
        Received::Other(_) => None,
    }
}

/// Whether this is meant to be a request, for a function that gets other events as well.
#[cfg(feature = "secrets")]
pub(crate) fn is_meant_as_request(event: &Value) -> bool {
    event.get("httpMethod").is_some() || event.pointer("/requestContext/http").is_some()
}

/// Whether lambda_http can make a request of it. It panics where scheme, host and path are no URL, or the body is no base64.
fn is_sound(request: &LambdaRequest) -> bool {
    let parts = match request {
        LambdaRequest::ApiGatewayV1(event) => Parts {
            headers: &event.headers,
            domain: event.request_context.domain_name.as_deref(),
            stage: event.request_context.stage.as_deref(),
            path: event.path.as_deref(),
            query: if event.multi_value_query_string_parameters.is_empty() {
                event.query_string_parameters.to_query_string()
            } else {
                event.multi_value_query_string_parameters.to_query_string()
            },
            base64: event.body.as_deref().filter(|_| event.is_base64_encoded),
        },
        LambdaRequest::ApiGatewayV2(event) => Parts {
            headers: &event.headers,
            domain: event.request_context.domain_name.as_deref(),
            stage: event.request_context.stage.as_deref(),
            path: event.raw_path.as_deref(),
            query: event.raw_query_string.clone().unwrap_or_default(),
            base64: event.body.as_deref().filter(|_| event.is_base64_encoded),
        },
        _ => return false,
    };
    parts.are_a_url() && parts.base64.is_none_or(|body| STANDARD.check(body.as_bytes()).is_ok())
}

/// What lambda_http makes a URL of.
struct Parts<'a> {
    headers: &'a HeaderMap,
    domain: Option<&'a str>,
    stage: Option<&'a str>,
    path: Option<&'a str>,
    query: String,
    /// The body.
    base64: Option<&'a str>,
}

impl Parts<'_> {
    fn are_a_url(&self) -> bool {
        let header = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        let scheme = header("x-forwarded-proto").unwrap_or("https");
        let host = header(HOST.as_str()).or(self.domain);
        let path = self.path.unwrap_or_default();
        // A stage goes before the path, but for that of HTTP APIs that has no name.
        let staged = self.stage.map_or_else(|| path.to_owned(), |stage| format!("/{stage}{path}"));
        [path, &staged].into_iter().all(|path| {
            // Without a host nothing but the path is kept, so that a query or fragment in it does not hide the query itself.
            let url = match host {
                Some(host) => Url::parse(&format!("{scheme}://{host}{path}")).map(String::from),
                None => Url::parse(&format!("http://localhost{path}")).map(|url| url.path().to_owned()),
            };
            url.is_ok_and(|url| Uri::try_from(format!("{url}?{}", self.query)).is_ok())
        })
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
    /// The 400, in the shape that REST APIs, HTTP APIs and Function URLs have in common: a REST API takes no members that it
    /// does not know.
    pub(crate) fn answer(self) -> Value {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "event_malformed", self.to_string());
        let response = answer::refusal(&Method::GET, &problem);
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

#[cfg(test)]
mod tests;
