//! Requests of the tus protocol. A chunk goes to its function as one event, so it is read into memory, but not before
//! the function has seen the headers: whoever has no token and no upload sends no large body.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    request::Parts,
};
use hyper::{Response, body::Incoming};
use lambda_http::Body;
use satchel_aws::{answer::refusal, log::Outcome};
use satchel_core::problem::Problem;

use super::{BODY_LIMIT, Gateway, READ_FIRST, body};

/// What the function says to a chunk that was announced and kept back, when nothing else is wrong.
const KEPT_BACK: &str = "body_incomplete";

impl Gateway {
    /// Answers one request, with the protocol's headers on the gateway's own refusals, too.
    pub(super) async fn resume(&self, parts: &Parts, body: Incoming) -> Response<Body> {
        satchel_resume::of_tus(self.chunk(parts, body).await)
    }

    async fn chunk(&self, parts: &Parts, body: Incoming) -> Response<Body> {
        let length = if body::is_chunked(&parts.headers) {
            BODY_LIMIT
        } else {
            body::announced_length(&parts.headers).ok().flatten().unwrap_or_default()
        };
        if length == 0 {
            return self.invoke(parts, Bytes::new(), None).await;
        }
        if length > BODY_LIMIT {
            body::drain(body, &parts.headers);
            return too_large(parts);
        }
        let asked_at = self.functions.now();
        if length > READ_FIRST || body::expects_continue(&parts.headers) {
            let mut kept_back = parts.clone();
            kept_back.headers = announcing(&parts.headers, length);
            match self.ask(&kept_back, Bytes::new(), Some(asked_at)).await {
                Ok((_, decision)) if is_kept_back(&decision) => {}
                Ok((seen, decision)) => {
                    body::drain(body, &parts.headers);
                    return self.logged(parts, &seen, decision);
                }
                Err(refusal) => return refusal,
            }
        }
        self.invoke_with(parts, body, length, Some(asked_at)).await
    }
}

/// The headers of a body in chunks of unknown number, as if its length had been announced.
fn announcing(headers: &HeaderMap, length: u64) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(TRANSFER_ENCODING);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers
}

fn is_kept_back(decision: &Response<Body>) -> bool {
    decision.extensions().get::<Outcome>().is_some_and(|outcome| outcome.code() == KEPT_BACK)
}

fn too_large(parts: &Parts) -> Response<Body> {
    let detail =
        "the chunk is larger than an AWS Lambda event can hold (4.45 MiB); set the client's chunk size to 4 MiB";
    refusal(&parts.method, &Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail))
}
