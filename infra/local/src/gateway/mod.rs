//! The gateway: API Gateway's part on one machine, and the front of large uploads.

mod answer;
mod body;
mod event;
pub mod front;
mod front_error;
pub mod proxies;
mod pump;
mod resume;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use lambda_http::Body;
use satchel_aws::{
    bootstrap::Seen,
    log::{self, Line},
};
use satchel_core::time::Timestamp;
use tokio::sync::Semaphore;

use answer::{failed, refuse, too_large};
use front::Front;
use proxies::{Client, TrustedProxies};
use satchel_s3::listener::Peer;

use crate::functions::Functions;

/// What Lambda takes in one synchronous invocation, in bytes of JSON (AWS: "Lambda quotas").
const INVOKE_LIMIT: usize = 6_291_456;
/// A body that leaves room for the rest of the event once it is base64: 4.5 MiB less 48 KiB.
const BODY_LIMIT: u64 = 4_669_440;
/// API Gateway's own limit (AWS: "Quotas for REST APIs").
const PAYLOAD_LIMIT: u64 = 10 * 1024 * 1024;
/// Smaller bodies have been sent before any refusal could arrive: they are read first.
const READ_FIRST: u64 = 64 * 1024;
/// Events of large bodies that are handled at the same time; each takes some 20 MB while it is made.
const LARGE_EVENTS: usize = 2;

/// An answer to a client.
pub type Answer = Response<Full<Bytes>>;

/// Turns HTTP requests into events and the functions' answers back.
#[derive(Debug)]
pub struct Gateway {
    functions: Arc<Functions>,
    front: Front,
    proxies: TrustedProxies,
    strict_aws: bool,
    log: fn(&Line),
    large_events: Semaphore,
}

impl Gateway {
    /// A gateway in front of `functions`.
    #[must_use]
    pub fn new(
        functions: Arc<Functions>,
        front: Front,
        proxies: TrustedProxies,
        strict_aws: bool,
        log: fn(&Line),
    ) -> Self {
        Self { functions, front, proxies, strict_aws, log, large_events: Semaphore::new(LARGE_EVENTS) }
    }

    /// Answers one request. It is finished even if the client leaves, as an invocation would be, and a panic
    /// in it ends with 502, as a crashed invocation does.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: Peer) -> Answer {
        let method = request.method().clone();
        let answered = tokio::spawn(async move { self.route(request, peer).await }).await;
        answered.unwrap_or_else(|_| answer::of(failed(&method)))
    }

    async fn route(&self, request: Request<Incoming>, peer: Peer) -> Answer {
        let (mut parts, body) = request.into_parts();
        let client = self.proxies.settle(peer, &mut parts);
        parts.extensions.insert(client);
        let chunked = body::is_chunked(&parts.headers);
        if self.functions.is_resume(parts.uri.path()) {
            return answer::of(self.resume(&parts, body).await);
        }
        let answered = match body::announced_length(&parts.headers) {
            Ok(None | Some(0)) if !chunked => self.invoke(&parts, Bytes::new(), None).await,
            Ok(length) if self.functions.rosters().take_whole(&parts) => {
                self.as_aws(&parts, body, length.unwrap_or(PAYLOAD_LIMIT)).await
            }
            Ok(Some(length)) if self.strict_aws => self.as_aws(&parts, body, length).await,
            Ok(Some(length)) if length <= READ_FIRST && !waits_for_decision(&parts) => {
                self.invoke_with(&parts, body, length, None).await
            }
            // Chunked, or no number: the function says what is wrong with that.
            length => self.ask_first(&parts, body, length.ok().flatten()).await,
        };
        answer::of(answered)
    }

    /// A function gets the headers alone and decides; only then is the body read. A token that was good when it
    /// came is not too old by the time that a slow body is through.
    async fn ask_first(&self, parts: &Parts, body: Incoming, length: Option<u64>) -> Response<Body> {
        let asked_at = self.functions.now();
        let decision = self.invoke(parts, Bytes::new(), Some(asked_at)).await;
        match length {
            Some(length) if decision.status() == StatusCode::TEMPORARY_REDIRECT && parts.method == Method::PUT => {
                if length <= BODY_LIMIT {
                    return self.invoke_with(parts, body, length, Some(asked_at)).await;
                }
                self.stream(parts, body, &decision, length).await
            }
            _ => {
                body::drain(body, &parts.headers);
                decision
            }
        }
    }

    async fn stream(&self, parts: &Parts, body: Incoming, decision: &Response<Body>, length: u64) -> Response<Body> {
        let seen = Seen::at_gateway("front", parts.method.clone(), event::request_id());
        let mut response = self.front.stream(parts, body, decision).await;
        log::note(&mut response, "size_bytes", length);
        self.logged(parts, &seen, response)
    }

    async fn invoke_with(
        &self,
        parts: &Parts,
        body: Incoming,
        length: u64,
        as_of: Option<Timestamp>,
    ) -> Response<Body> {
        let large = length > READ_FIRST;
        let body = match body::read(body, length, large).await {
            Ok(body) => body,
            Err(error) => return error.answer(&parts.method),
        };
        let _turn = if large { self.large_events.acquire().await.ok() } else { None };
        self.invoke(parts, body, as_of).await
    }

    /// API Gateway reads the whole body, up to its own limit, before anything else happens.
    async fn as_aws(&self, parts: &Parts, body: Incoming, length: u64) -> Response<Body> {
        if length > PAYLOAD_LIMIT {
            body::drain(body, &parts.headers);
            return too_large(&parts.method);
        }
        self.invoke_with(parts, body, length, None).await
    }

    async fn invoke(&self, parts: &Parts, body: Bytes, as_of: Option<Timestamp>) -> Response<Body> {
        match self.ask(parts, body, as_of).await {
            Ok((seen, response)) => self.logged(parts, &seen, response),
            Err(refusal) => refusal,
        }
    }

    /// What a function answers, not logged yet, or the gateway's own refusal to ask it.
    async fn ask(
        &self,
        parts: &Parts,
        body: Bytes,
        as_of: Option<Timestamp>,
    ) -> Result<(Seen, Response<Body>), Response<Body>> {
        // A large body goes beside the event: base64 there and back gives the same bytes and takes several times their
        // memory.
        let (inside, beside) = if body.len() as u64 > READ_FIRST { (Bytes::new(), body) } else { (body, Bytes::new()) };
        let malformed = |error| refuse(&parts.method, StatusCode::BAD_REQUEST, "request_malformed", &error);
        let event = event::of(parts, inside).map_err(malformed)?;
        if self.strict_aws && event.len() + event::body_len(&beside) > INVOKE_LIMIT {
            return Err(too_large(&parts.method));
        }
        let mut request = event::parse(event).map_err(malformed)?;
        if !beside.is_empty() {
            *request.body_mut() = Body::Binary(beside.into());
        }
        Ok(self.functions.answer(request, parts.uri.path(), as_of).await)
    }

    fn logged(&self, parts: &Parts, seen: &Seen, mut response: Response<Body>) -> Response<Body> {
        if let Some(client) = parts.extensions.get::<Client>() {
            log::note(&mut response, "client", client.to_string());
        }
        (self.log)(&seen.line(&response));
        response
    }
}

/// Whether a client keeps its upload back until it is allowed to send it. What is no upload has no decision to wait for.
fn waits_for_decision(parts: &Parts) -> bool {
    parts.method == Method::PUT && body::expects_continue(&parts.headers)
}
