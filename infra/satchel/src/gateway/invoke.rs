//! The gateway's part that is API Gateway's: a request goes to a function, which answers it, and one line is written.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use hyper::body::Incoming;
use satchel_core::{answer::Answer, time::Timestamp};
use satchel_resume::limits::EVENT_BODY_BYTES;
use satchel_telemetry::arrival::Seen;

use super::{answer::GatewayError, attempt, body, crowd::Crowd, event, head, spool::Spool, turns::Turns};
use crate::{
    delivery::Delivery,
    functions::Functions,
    journal::Journal,
    proxies::{Client, TrustedProxies},
    request_id::request_id,
    status::Status,
};

/// What Lambda takes in one synchronous invocation, in bytes of JSON (AWS: "Lambda quotas").
const INVOKE_LIMIT: usize = 6_291_456;
/// A body that leaves room for the rest of the event once it is base64.
pub(super) const BODY_LIMIT: u64 = EVENT_BODY_BYTES;
/// API Gateway's own limit (AWS: "Quotas for REST APIs").
pub(super) const PAYLOAD_LIMIT: u64 = 10 * 1024 * 1024;
/// A function's answer, whose line is written.
pub(super) type Answered = Result<Answer, GatewayError>;

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

/// Hands requests to functions, and their answers back.
#[derive(Debug)]
pub struct Gateway {
    pub(super) functions: Arc<Functions>,
    pub(super) proxies: TrustedProxies,
    pub(super) crowd: Crowd,
    pub(super) spool: Arc<Spool>,
    pub(super) delivery: Delivery,
    pub(super) strict_aws: bool,
    pub(super) journal: Arc<Journal>,
    pub(super) status: Arc<Status>,
    pub(super) turns: Turns,
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

    pub(super) fn refused(&self, parts: &Parts, error: &GatewayError) -> Answer {
        let mut answer = Answer::refusal(&parts.method, error);
        attempt::note_upload(&mut answer.outcome, parts);
        self.logged(parts, &arrived(parts), answer)
    }

    pub(super) async fn invoke_with(
        &self,
        parts: &Parts,
        body: Incoming,
        length: u64,
        as_of: Option<Timestamp>,
    ) -> Answered {
        let body = self.spool.take(body, length).await?;
        let _turn = self.turns.of(&body).await;
        self.invoke(parts, self.spool.load(body).await?, as_of).await
    }

    /// API Gateway reads the whole body, up to its own limit, before anything else happens.
    pub(super) async fn as_aws(&self, parts: &Parts, body: Incoming, length: u64) -> Answered {
        if length > PAYLOAD_LIMIT {
            body::drain(body, &parts.headers);
            return Err(GatewayError::TooLarge);
        }
        self.invoke_with(parts, body, length, None).await
    }

    pub(super) async fn invoke(&self, parts: &Parts, body: Bytes, as_of: Option<Timestamp>) -> Answered {
        let (seen, answer) = self.ask(parts, body, as_of).await?;
        Ok(self.called(parts, seen, answer))
    }

    /// What a function answers, not logged yet.
    pub(super) async fn ask(
        &self,
        parts: &Parts,
        body: Bytes,
        as_of: Option<Timestamp>,
    ) -> Result<(Seen, Answer), GatewayError> {
        if self.strict_aws && event::len(parts, &body)? > INVOKE_LIMIT {
            return Err(GatewayError::TooLarge);
        }
        let raw = head::of(parts, body.len() as u64)?;
        let (function, answer) = self.functions.answer(raw, body, as_of).await;
        // It began when its head came, rather than with the last byte of its body.
        Ok((arrived(parts).answered_by(function), answer))
    }

    pub(super) fn called(&self, parts: &Parts, seen: Seen, answer: Answer) -> Answer {
        self.logged(parts, &self.journal.noting_cold_start(seen), answer)
    }

    pub(super) fn logged(&self, parts: &Parts, seen: &Seen, mut answer: Answer) -> Answer {
        if let Some(client) = parts.extensions.get::<Client>() {
            answer.note("client", client.to_string());
        }
        self.journal.write(&seen.line(&answer));
        answer
    }
}

/// A request as it came in: with the one id of all that is done for it.
pub(super) fn arrived(parts: &Parts) -> Seen {
    let known = parts.extensions.get().cloned();
    known.unwrap_or_else(|| Seen::of_request("gateway", parts.method.clone(), request_id()))
}
