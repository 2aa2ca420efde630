//! The gateway: API Gateway's part on one machine, and the front of large uploads.

mod answer;
mod body;
mod event;
pub mod front;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use lambda_http::Body;
use satchel_aws::{bootstrap::Seen, log::Line};
use satchel_core::problem::Problem;

use answer::{failed, refuse};
use front::Front;

/// What Lambda takes in one synchronous invocation, in bytes of JSON (AWS: "Lambda quotas").
const INVOKE_LIMIT: usize = 6_291_456;
/// A body that leaves room for the rest of the event once it is base64: 4.5 MiB less 48 KiB.
const BODY_LIMIT: u64 = 4_669_440;
/// API Gateway's own limit (AWS: "Quotas for REST APIs").
const PAYLOAD_LIMIT: u64 = 10 * 1024 * 1024;
/// Smaller bodies have been sent before any refusal could arrive: they are read first.
const READ_FIRST: u64 = 64 * 1024;

/// The functions behind the gateway.
#[derive(Debug)]
pub struct Functions {
    /// PUT, DELETE, OPTIONS.
    pub upload: satchel_upload::State,
    /// GET, HEAD.
    pub download: satchel_download::State,
}

/// An answer to a client.
pub type Answer = Response<Full<Bytes>>;

/// Turns HTTP requests into events and the functions' answers back.
#[derive(Debug)]
pub struct Gateway {
    functions: Functions,
    front: Front,
    strict_aws: bool,
    log: fn(&Line),
}

impl Gateway {
    /// A gateway in front of `functions`.
    #[must_use]
    pub fn new(functions: Functions, front: Front, strict_aws: bool, log: fn(&Line)) -> Self {
        Self { functions, front, strict_aws, log }
    }

    /// Answers one request. It is finished even if the client leaves, as an invocation would be, and a panic
    /// in it ends with 502, as a crashed invocation does.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let method = request.method().clone();
        let answered = tokio::spawn(async move { self.route(request).await }).await;
        answered.unwrap_or_else(|_| answer::of(failed(&method)))
    }

    async fn route(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let length = body::announced_length(&parts.headers);
        let answered = match length {
            Ok(None) | Ok(Some(0)) if !body::is_chunked(&parts.headers) => self.invoke(&parts, Bytes::new()).await,
            Ok(length) if self.strict_aws => self.as_aws(&parts, body, length).await,
            Ok(Some(length)) if length <= READ_FIRST && !body::expects_continue(&parts.headers) => {
                self.invoke_with(&parts, body, length).await
            }
            _ => self.ask_first(&parts, body, length.ok().flatten()).await,
        };
        answer::of(answered)
    }

    /// A function gets the headers alone and decides; only then is the body read.
    async fn ask_first(&self, parts: &Parts, body: Incoming, length: Option<u64>) -> Response<Body> {
        let decision = self.invoke(parts, Bytes::new()).await;
        match length {
            Some(length) if decision.status() == StatusCode::TEMPORARY_REDIRECT && parts.method == Method::PUT => {
                if length <= BODY_LIMIT {
                    return self.invoke_with(parts, body, length).await;
                }
                self.front.stream(parts, body, &decision, length, self.log).await
            }
            _ => {
                body::drain(body, &parts.headers);
                decision
            }
        }
    }

    async fn invoke_with(&self, parts: &Parts, body: Incoming, length: u64) -> Response<Body> {
        match body::read(body, length).await {
            Ok(body) => self.invoke(parts, body).await,
            Err(error) => error.answer(&parts.method),
        }
    }

    /// API Gateway reads the whole body, up to its own limit, before anything else happens.
    async fn as_aws(&self, parts: &Parts, body: Incoming, length: Option<u64>) -> Response<Body> {
        if length.is_some_and(|length| length > PAYLOAD_LIMIT) {
            body::drain(body, &parts.headers);
            return too_large(&parts.method);
        }
        self.invoke_with(parts, body, length.unwrap_or(PAYLOAD_LIMIT)).await
    }

    async fn invoke(&self, parts: &Parts, body: Bytes) -> Response<Body> {
        let event = event::of(parts, &body);
        drop(body);
        if self.strict_aws && event.len() > INVOKE_LIMIT {
            return too_large(&parts.method);
        }
        let request = match event::parse(&event) {
            Ok(request) => request,
            Err(error) => return refuse(&parts.method, StatusCode::BAD_REQUEST, "request_malformed", &error),
        };
        drop(event);
        if matches!(parts.method, Method::GET | Method::HEAD) {
            let seen = Seen::of("download", String::new(), &request);
            return self.logged(&seen, satchel_download::handle(&self.functions.download, request).await);
        }
        let seen = Seen::of("upload", String::new(), &request);
        self.logged(&seen, satchel_upload::handle(&self.functions.upload, request).await)
    }

    fn logged(&self, seen: &Seen, response: Response<Body>) -> Response<Body> {
        (self.log)(&seen.line(&response));
        response
    }
}

fn too_large(method: &Method) -> Response<Body> {
    let detail = "the body is larger than an AWS Lambda event can hold (4.5 MiB); large files need a front or a slot";
    satchel_aws::answer::refusal(method, &Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail))
}
