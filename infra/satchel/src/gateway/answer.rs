//! The gateway's own refusals, and the functions' answers as HTTP.

use std::{io, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::MapOk};
use http::{Method, Response, StatusCode};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use satchel_core::{
    answer::Answer,
    outcome::{Failure, Field, cause, reason},
    problem::Problem,
};
use satchel_listener::Unreadable;
use satchel_store::{Pieces, StoreError};
use satchel_telemetry::arrival::Seen;

use super::{body::BodyError, head::NotText};
use crate::{journal::Journal, proxies::Client, request_id::request_id};

/// An answer as it is sent.
pub type Outgoing = Response<Either<Full<Bytes>, StreamBody<MapOk<Pieces<StoreError>, fn(Bytes) -> Frame<Bytes>>>>>;

/// Why a request reaches no function, or comes back from none.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The body did not come.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// No function can be asked.
    #[error(transparent)]
    Head(#[from] NotText),
    /// Not one Host.
    #[error("the request has no Host header, more than one, or one that is no host name; send exactly one")]
    Host,
    /// No request at all.
    #[error(
        "the request cannot be read: its first line or a header is malformed; what is no letter, digit or one of -._~ \
         must be percent-encoded in an address"
    )]
    Unreadable,
    /// A longer head than anybody needs.
    #[error("the head of the request is too long; 16 KiB are taken, and 100 headers")]
    HeadTooLarge,
    /// As many requests of one client are under way as may be.
    #[error("too many requests of this client are under way; wait for one to end, then try again")]
    TooMany,
    /// What AWS says to a body that no event can hold.
    #[error("the body is larger than an AWS Lambda event can hold (4.5 MiB); large files need a front or a slot")]
    TooLarge,
    /// The same of a chunk.
    #[error("the chunk is larger than an AWS Lambda event can hold (4.45 MiB); set the client's chunk size to 4 MiB")]
    ChunkTooLarge,
    /// The data folder does not take a body that waits.
    #[error("the body could not be kept until all of it was there; nothing was stored, try again")]
    Spool(#[source] io::Error),
    /// What API Gateway says where a function has crashed.
    #[error("the function failed; try again")]
    Failed,
}

impl Failure for GatewayError {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Body(error) => return error.problem(),
            Self::Spool(error) if is_full(error) => return StoreError::full(),
            Self::Head(_) | Self::Unreadable => (StatusCode::BAD_REQUEST, "request_malformed"),
            Self::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large"),
            Self::Host => (StatusCode::BAD_REQUEST, "host_malformed"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::TooLarge | Self::ChunkTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Spool(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
            Self::Failed => (StatusCode::BAD_GATEWAY, "function_failed"),
        };
        Problem::new(status, code, self.to_string())
    }

    fn fields(&self) -> Vec<Field> {
        match self {
            Self::Spool(error) if is_full(error) => cause(error),
            Self::Spool(error) => [reason(self), cause(error)].concat(),
            other => reason(other),
        }
    }
}

fn is_full(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The answers to what cannot be read as a request, in the words and with the line of all other refusals.
pub fn unreadable(journal: Arc<Journal>) -> Unreadable {
    Arc::new(move |status, peer| {
        let error = match status {
            StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => GatewayError::HeadTooLarge,
            _ => GatewayError::Unreadable,
        };
        let mut answer = Answer::refusal(&Method::GET, &error);
        answer.note("client", Client::from(peer).to_string());
        journal.write(&Seen::of_event("gateway", request_id()).line(&answer));
        answer.response
    })
}

/// An answer whose line is written: what a function says, or the bytes of a file in its place.
pub struct Reply {
    /// Status, headers, and the body where there is no file.
    pub answer: Answer,
    /// A file's bytes.
    pub bytes: Option<Pieces<StoreError>>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, bytes: None }
    }
}

impl Reply {
    /// The same, with something kept as long as bytes are being sent.
    pub fn holding<T: Send + 'static>(self, kept: T) -> Self {
        let bytes = self.bytes.map(|bytes| {
            let kept = bytes.map(move |piece| {
                let _ = &kept;
                piece
            });
            kept.boxed()
        });
        Self { bytes, ..self }
    }

    /// The answer, as the client gets it.
    pub fn into_outgoing(self) -> Outgoing {
        let (head, body) = self.answer.response.into_parts();
        let body = match self.bytes {
            None => Either::Left(Full::new(body)),
            Some(bytes) => Either::Right(StreamBody::new(bytes.map_ok(Frame::data as fn(Bytes) -> _))),
        };
        Response::from_parts(head, body)
    }
}
