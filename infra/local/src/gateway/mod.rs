//! The gateway: API Gateway's part on one machine, and the front of large uploads.

mod answer;
mod attempt;
mod body;
mod crowd;
mod download;
pub mod event;
pub mod front;
mod front_error;
mod pieces;
pub mod proxies;
mod pump;
mod resume;
mod selection;
mod spool;
mod turns;
mod upload;

use std::{io, panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, StatusCode, request::Parts};
use http_body_util::Either;
use hyper::{Request, Response, body::Incoming};
use lambda_http::Body;
use satchel_aws::log::{self, Seen};
use satchel_core::{resume::limits::EVENT_BODY_BYTES, time::Timestamp};
use satchel_s3::listener::Peer;

pub use answer::{Answer, unreadable};
use answer::{GatewayError, Reply};
use crowd::Crowd;
use front::Front;
use proxies::{Client, TrustedProxies};
pub use spool::Spool;
use turns::Turns;

use crate::{files::Files, functions::Functions, journal::Journal, status::Status};

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
    /// What sends large bodies to another S3, where files are in one.
    pub front: Option<Front>,
    /// The files in that folder, where they are handed out from here; `None`: by redirects, as on AWS.
    pub files: Option<Files>,
}

/// Turns HTTP requests into events and the functions' answers back.
#[derive(Debug)]
pub struct Gateway {
    functions: Arc<Functions>,
    front: Option<Front>,
    proxies: TrustedProxies,
    crowd: Crowd,
    spool: Arc<Spool>,
    files: Option<Files>,
    strict_aws: bool,
    journal: Arc<Journal>,
    status: Arc<Status>,
    turns: Turns,
}

impl Gateway {
    /// A gateway in front of `functions`, which refuses what AWS would refuse where it is `strict_aws`.
    #[must_use]
    pub fn new(functions: Arc<Functions>, doors: Doors, strict_aws: bool, status: Arc<Status>) -> Self {
        let Doors { proxies, of_one_client, spool, front, files } = doors;
        Self {
            functions,
            front,
            proxies,
            crowd: Crowd::new(of_one_client),
            spool: Arc::new(spool),
            files,
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
        answered.unwrap_or_else(|error| self.refused(&parts, &error).into()).into_answer()
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
                return match (&self.files, self.functions.of_files(parts)) {
                    (Some(files), Some(Method::PUT)) => Ok(Box::pin(self.upload(files, parts, body)).await?.into()),
                    // Under way until the last byte is sent.
                    (Some(files), Some(_)) => {
                        body::drain(body, &parts.headers);
                        Ok(self.download(files, parts).await?.holding(turn))
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
            Ok(Some(length)) if length <= READ_FIRST && !waits_for_decision(parts) => {
                self.invoke_with(parts, body, length, None).await
            }
            // Chunked, or no number: the function says what is wrong with that.
            length => self.ask_first(parts, body, length.ok().flatten()).await,
        }
    }

    /// A function gets the headers alone and decides; only then is the body read. A token that was good when it
    /// came is not too old by the time that a slow body is through. A yes has no line: whatever comes of it has one.
    async fn ask_first(&self, parts: &Parts, body: Incoming, length: Option<u64>) -> Answered {
        let asked_at = self.functions.now();
        let (seen, decision) = self.ask(parts, Bytes::new(), Some(asked_at)).await?;
        match length {
            Some(length) if decision.status() == StatusCode::TEMPORARY_REDIRECT && parts.method == Method::PUT => {
                if let Err(full) = self.has_room_for(length) {
                    body::drain(body, &parts.headers);
                    let response = GatewayError::Spool(full).answer(&parts.method);
                    return Ok(self.instead(parts, seen, "gateway", response, &decision));
                }
                if let Some(front) = self.front_for(length) {
                    let response = front.stream(parts, body, &decision).await;
                    return Ok(self.instead(parts, seen, "front", response, &decision));
                }
                let answered = self.invoke_with(parts, body, length, Some(asked_at)).await;
                Ok(answered.unwrap_or_else(|error| {
                    self.instead(parts, seen, "gateway", error.answer(&parts.method), &decision)
                }))
            }
            _ => {
                body::drain(body, &parts.headers);
                Ok(self.called(parts, seen, decision))
            }
        }
    }

    /// What takes a body of this length past the functions.
    fn front_for(&self, length: u64) -> Option<&Front> {
        self.front.as_ref().filter(|_| length > BODY_LIMIT)
    }

    /// Whether this machine has room for a body, where that is what it takes.
    fn has_room_for(&self, length: u64) -> io::Result<()> {
        if self.front_for(length).is_some() { Ok(()) } else { self.spool.has_room_for(length) }
    }

    /// The answer of another part than the function that said yes, in the one line that both have.
    fn instead(
        &self,
        parts: &Parts,
        asked: Seen,
        part: &'static str,
        mut response: Response<Body>,
        decision: &Response<Body>,
    ) -> Response<Body> {
        log::inherit(&mut response, decision);
        self.logged(parts, &self.journal.noting_cold_start(asked).answered_by(part), response)
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
        let mut request = event::parse(event)?;
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

/// A request as it came in: with the one id of all that is done for it.
fn arrived(parts: &Parts) -> Seen {
    let known = parts.extensions.get().cloned();
    known.unwrap_or_else(|| Seen::at_gateway("gateway", parts.method.clone(), event::request_id()))
}

/// Whether a client keeps its upload back until it is allowed to send it. What is no upload has no decision to wait for.
fn waits_for_decision(parts: &Parts) -> bool {
    parts.method == Method::PUT && body::expects_continue(&parts.headers)
}
