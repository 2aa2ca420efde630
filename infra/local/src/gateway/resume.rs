//! Requests of the tus protocol. A chunk goes to its function as one event, so it is read into memory, but not before
//! the function has seen the headers: whoever has no token and no upload sends no large body.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    request::Parts,
};
use hyper::{Response, body::Incoming};
use lambda_http::Body;
use satchel_aws::log::Outcome;

use super::{Answered, BODY_LIMIT, Gateway, READ_FIRST, answer::GatewayError, arrived, attempt, body};

/// What the function says to a chunk that was announced and kept back, when nothing else is wrong.
const KEPT_BACK: &str = "body_incomplete";

impl Gateway {
    /// Answers one request, with the protocol's headers on the gateway's own refusals, too.
    pub(super) async fn resume(&self, parts: &Parts, body: Incoming) -> Response<Body> {
        let answered = self.chunk(parts, body).await;
        satchel_resume::of_tus(answered.unwrap_or_else(|error| {
            let mut response = error.answer(&parts.method);
            attempt::note_chunk(&mut response, parts);
            self.logged(parts, &arrived(parts), response)
        }))
    }

    async fn chunk(&self, parts: &Parts, body: Incoming) -> Answered {
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
            return Err(GatewayError::ChunkTooLarge);
        }
        let asked_at = self.functions.now();
        if length > READ_FIRST || body::expects_continue(&parts.headers) {
            let mut kept_back = parts.clone();
            kept_back.headers = announcing(&parts.headers, length);
            let (seen, decision) = self.ask(&kept_back, Bytes::new(), Some(asked_at)).await?;
            if !is_kept_back(&decision) {
                body::drain(body, &parts.headers);
                return Ok(self.called(parts, seen, decision));
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
