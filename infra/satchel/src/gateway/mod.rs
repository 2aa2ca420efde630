//! The gateway: API Gateway's part on one machine, and the way of files that need no function.

mod answer;
mod attempt;
mod body;
mod crowd;
mod download;
pub mod event;
mod pieces;
pub mod proxies;
mod resume;
mod selection;
mod spool;
mod turns;
mod upload;

use std::{panic::AssertUnwindSafe, sync::Arc};

use answer::{GatewayError, Reply};
use bytes::Bytes;
use crowd::Crowd;
use futures_util::FutureExt;
use http::{HeaderValue, Method, StatusCode, header::CONNECTION, request::Parts};
use http_body_util::Either;
use hyper::{Request, Response, body::Incoming};
use lambda_http::Body;
use proxies::{Client, TrustedProxies};
use satchel_aws::log::{self, Seen};
use satchel_core::time::Timestamp;
use satchel_listener::Peer;
use satchel_resume::limits::EVENT_BODY_BYTES;
use turns::Turns;

use crate::{delivery::Delivery, functions::Functions, journal::Journal, status::Status};

pub use answer::{Answer, unreadable};
pub use spool::Spool;

/// What Lambda takes in one synchronous invocation, in bytes of JSON (AWS: "Lambda quotas").
const INVOKE_LIMIT: usize = 6_291_456;
/// A body that leaves room for the rest of the event once it is base64.
const BODY_LIMIT: u64 = EVENT_BODY_BYTES;
/// API Gateway's own limit (AWS: "Quotas for REST APIs").
const PAYLOAD_LIMIT: u64 = 10 * 1024 * 1024;
/// Smaller bodies have been sent before any refusal could arrive: they are read first.
const READ_FIRST: u64 = 64 * 1024;

/// A function's answer, whose line is written.
type Answered = Result<Response<Body>, GatewayError>;

/// What is let in.
#[derive(Debug)]
pub struct Doors {
    /// Who speaks for others.
    pub proxies: TrustedProxies,
    /// Requests of one client at the same time.
    pub of_one_client: usize,
    /// Where bodies wait.
    pub spool: Spool,
    /// How files come in and go out.
    pub delivery: Delivery,
}

/// Turns HTTP requests into events and the functions' answers back.
#[derive(Debug)]
pub struct Gateway {
    functions: Arc<Functions>,
    proxies: TrustedProxies,
    crowd: Crowd,
    spool: Arc<Spool>,
    delivery: Delivery,
    strict_aws: bool,
    journal: Arc<Journal>,
    status: Arc<Status>,
    turns: Turns,
}

impl Gateway {
    /// A gateway in front of `functions`, which refuses what AWS would refuse where it is `strict_aws`.
    #[must_use]
    pub fn new(functions: Arc<Functions>, doors: Doors, strict_aws: bool, status: Arc<Status>) -> Self {
        let Doors { proxies, of_one_client, spool, delivery } = doors;
        Self {
            functions,
            proxies,
            crowd: Crowd::new(of_one_client),
            spool: Arc::new(spool),
            delivery,
            strict_aws,
            journal: Arc::clone(status.journal()),
            status,
            turns: Turns::new(),
        }
    }

    /// Answers one request. It is finished even if the client leaves, as an invocation would be, and a panic
    /// in it ends with 502, as a crashed invocation does.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: Peer) -> Answer {
        let (mut parts, body) = request.into_parts();
        if self.status.serves(parts.uri.path()) && event::names_one_host(&parts) {
            // With the headers as they came: they tell whether a proxy has passed it on.
            return self.status.answer(&parts, peer).await.map(Either::Left);
        }
        let client = self.proxies.settle(peer, &mut parts);
        parts.extensions.insert(client);
        let arrived = Seen::at_gateway("gateway", parts.method.clone(), event::request_id());
        parts.extensions.insert(arrived);
        let (gateway, parts) = (Arc::clone(&self), Arc::new(parts));
        let routed = Arc::clone(&parts);
        let admitted = async move { gateway.admit(&routed, body).await };
        let mut answering = Box::pin(AssertUnwindSafe(admitted).catch_unwind());
        let answered = match answering.as_mut().now_or_never() {
            // Where nothing is waited for, as by most downloads, a task of its own would be most of the work.
            Some(answered) => answered,
            None => tokio::spawn(answering).await.unwrap_or_else(|error| Err(Box::new(error))),
        };
        let answered = answered.unwrap_or(Err(GatewayError::Failed));
        let waited = body::expects_continue(&parts.headers);
        let mut answer = answered.unwrap_or_else(|error| self.refused(&parts, &error).into()).into_answer();
        if waited && is_refusal(answer.status()) {
            // Nobody reads what it may send now; a proxy must know (RFC 9110, section 10.1.1).
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    fn refused(&self, parts: &Parts, error: &GatewayError) -> Response<Body> {
        let mut response = error.answer(&parts.method);
        attempt::note_upload(&mut response, parts);
        self.logged(parts, &arrived(parts), response)
    }

    async fn admit(&self, parts: &Parts, body: Incoming) -> Result<Reply, GatewayError> {
        let turn = parts.extensions.get().and_then(|client: &Client| self.crowd.enter(*client));
        let refusal = match turn {
            _ if !event::names_one_host(parts) => GatewayError::Host,
            None => GatewayError::TooMany,
            Some(turn) => {
                return match (&self.delivery, self.functions.of_files(parts)) {
                    (Delivery::Redirected(store) | Delivery::Streamed(store), Some(Method::PUT)) => {
                        Ok(Box::pin(self.upload(store, parts, body)).await?.into())
                    }
                    // Under way until the last byte is sent.
                    (Delivery::Streamed(store), Some(_)) => {
                        body::drain(body, &parts.headers);
                        Ok(self.download(store, parts).await?.holding(turn))
                    }
                    _ => Ok(Box::pin(self.route(parts, body)).await?.into()),
                };
            }
        };
        body::drain(body, &parts.headers);
        Err(refusal)
    }

    async fn route(&self, parts: &Parts, body: Incoming) -> Answered {
        let chunked = body::is_chunked(&parts.headers);
        if self.functions.is_resume(parts.uri.path()) {
            return Ok(self.resume(parts, body).await);
        }
        match body::announced_length(&parts.headers) {
            Ok(None | Some(0)) if !chunked => self.invoke(parts, Bytes::new(), None).await,
            Ok(length) if self.functions.rosters().take_whole(parts) => {
                self.as_aws(parts, body, length.unwrap_or(PAYLOAD_LIMIT)).await
            }
            Ok(Some(length)) if self.strict_aws => self.as_aws(parts, body, length).await,
            Ok(Some(length)) if length <= READ_FIRST => self.invoke_with(parts, body, length, None).await,
            // Chunked, no number, or more than any stanza has: the function says what is wrong with that.
            _ => {
                body::drain(body, &parts.headers);
                self.invoke(parts, Bytes::new(), None).await
            }
        }
    }

    async fn invoke_with(&self, parts: &Parts, body: Incoming, length: u64, as_of: Option<Timestamp>) -> Answered {
        let body = self.spool.take(body, length).await?;
        let _turn = self.turns.of(&body).await;
        self.invoke(parts, self.spool.load(body).await?, as_of).await
    }

    /// API Gateway reads the whole body, up to its own limit, before anything else happens.
    async fn as_aws(&self, parts: &Parts, body: Incoming, length: u64) -> Answered {
        if length > PAYLOAD_LIMIT {
            body::drain(body, &parts.headers);
            return Err(GatewayError::TooLarge);
        }
        self.invoke_with(parts, body, length, None).await
    }

    async fn invoke(&self, parts: &Parts, body: Bytes, as_of: Option<Timestamp>) -> Answered {
        let (seen, response) = self.ask(parts, body, as_of).await?;
        Ok(self.called(parts, seen, response))
    }

    /// What a function answers, not logged yet.
    async fn ask(
        &self,
        parts: &Parts,
        body: Bytes,
        as_of: Option<Timestamp>,
    ) -> Result<(Seen, Response<Body>), GatewayError> {
        // A large body goes beside the event: base64 there and back gives the same bytes and takes several times their
        // memory.
        let (inside, beside) = if body.len() as u64 > READ_FIRST { (Bytes::new(), body) } else { (body, Bytes::new()) };
        let event = event::of(parts, inside)?;
        if self.strict_aws && event.len() + event::body_len(&beside) > INVOKE_LIMIT {
            return Err(GatewayError::TooLarge);
        }
        let mut request = event::parse(&event)?;
        if !beside.is_empty() {
            *request.body_mut() = Body::Binary(beside.into());
        }
        let (seen, response) = self.functions.answer(request, parts.uri.path(), as_of).await;
        // It began when its head came, rather than with the last byte of its body.
        Ok((arrived(parts).answered_by(seen.function()), response))
    }

    fn called(&self, parts: &Parts, seen: Seen, response: Response<Body>) -> Response<Body> {
        self.logged(parts, &self.journal.noting_cold_start(seen), response)
    }

    fn logged(&self, parts: &Parts, seen: &Seen, mut response: Response<Body>) -> Response<Body> {
        if let Some(client) = parts.extensions.get::<Client>() {
            log::note(&mut response, "client", client.to_string());
        }
        self.journal.write(&seen.line(&response));
        response
    }
}

fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// A request as it came in: with the one id of all that is done for it.
fn arrived(parts: &Parts) -> Seen {
    let known = parts.extensions.get().cloned();
    known.unwrap_or_else(|| Seen::at_gateway("gateway", parts.method.clone(), event::request_id()))
}
