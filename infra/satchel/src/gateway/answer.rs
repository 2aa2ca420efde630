//! The gateway's own refusals, and the functions' answers as HTTP.

use std::{io, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::MapOk};
use http::{Method, StatusCode};
use http_body_util::{Either, Full, StreamBody};
use hyper::{Response, body::Frame};
use lambda_http::Body;
use satchel_aws::{answer::refusal, event, log, storage::StorageError};
use satchel_core::problem::Problem;
use satchel_listener::Unreadable;
use satchel_store::{Pieces, StoreError};
use satchel_telemetry::arrival::Seen;

use super::{body::BodyError, event::EventError};
use crate::{journal::Journal, proxies::Client, request_id::request_id};

/// An answer to a client.
pub type Answer = Response<Either<Full<Bytes>, StreamBody<MapOk<Pieces<StoreError>, fn(Bytes) -> Frame<Bytes>>>>>;

/// Why a request reaches no function, or comes back from none.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The body did not come.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// No event can be made of it.
    #[error(transparent)]
    Event(#[from] EventError),
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

impl GatewayError {
    /// The answer to the client.
    pub fn answer(&self, method: &Method) -> Response<Body> {
        let (status, code) = match self {
            Self::Body(error) => return refuse_with(method, &error.problem()),
            Self::Event(_) | Self::Unreadable => (StatusCode::BAD_REQUEST, "request_malformed"),
            Self::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large"),
            Self::Host => (StatusCode::BAD_REQUEST, "host_malformed"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::TooLarge | Self::ChunkTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Spool(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
            Self::Failed => (StatusCode::BAD_GATEWAY, "function_failed"),
        };
        let mut response = match self {
            Self::Spool(cause) if is_full(cause) => refusal(method, &StorageError::full()),
            other => refuse(method, status, code, other),
        };
        if let Self::Spool(cause) = self {
            log::note(&mut response, "cause", cause.to_string());
        }
        response
    }
}

fn is_full(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A refusal whose line says what the client is told.
pub fn refuse_with(method: &Method, problem: &Problem) -> Response<Body> {
    let mut response = refusal(method, problem);
    log::note(&mut response, "reason", problem.detail.clone());
    response
}

/// A refusal of the gateway itself.
pub fn refuse(
    method: &Method,
    status: StatusCode,
    code: &'static str,
    cause: &dyn std::error::Error,
) -> Response<Body> {
    refuse_with(method, &Problem::new(status, code, cause.to_string()))
}

/// The answers to what cannot be read as a request, in the words and with the line of all other refusals.
pub fn unreadable(journal: Arc<Journal>) -> Unreadable {
    Arc::new(move |status, peer| {
        let error = match status {
            StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => GatewayError::HeadTooLarge,
            _ => GatewayError::Unreadable,
        };
        let mut response = error.answer(&Method::GET);
        log::note(&mut response, "client", Client::from(peer).to_string());
        journal.write(&Seen::of_event("gateway", request_id()).line(&response));
        response.map(event::into_bytes)
    })
}

/// An answer whose line is written: what a function says, or the bytes of a file in its place.
pub struct Reply {
    /// Status, headers, and the body where there is no file.
    pub response: Response<Body>,
    /// A file's bytes.
    pub bytes: Option<Pieces<StoreError>>,
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Self {
        Self { response, bytes: None }
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
    pub fn into_answer(self) -> Answer {
        let (head, body) = self.response.into_parts();
        let body = match self.bytes {
            None => Either::Left(Full::new(event::into_bytes(body))),
            Some(bytes) => Either::Right(StreamBody::new(bytes.map_ok(Frame::data as fn(Bytes) -> _))),
        };
        Response::from_parts(head, body)
    }
}
