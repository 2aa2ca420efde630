//! Requests of the tus protocol. Their function sees the headers before the body is read: whoever has no token and no
//! upload sends no large body.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    request::Parts,
};
use hyper::{Response, body::Incoming};
use lambda_http::Body;
use satchel_aws::log::Outcome;
use satchel_core::{
    resume::{
        checksum::{Checking, Checksum},
        request,
    },
    time::Timestamp,
};

use super::{
    Answered, BODY_LIMIT, Gateway, READ_FIRST,
    answer::GatewayError,
    arrived, attempt, body,
    pieces::Chunk,
    spool::{Cut, Whole},
};

/// What the function says to a chunk that was announced and kept back, when nothing else is wrong.
const KEPT_BACK: &str = "body_incomplete";

/// Bytes of a chunk that are looked at at once.
const CHECKED_BYTES: u64 = 1024 * 1024;

impl Gateway {
    /// Answers one request, with the protocol's headers on the gateway's own refusals, too.
    pub(super) async fn resume(&self, parts: &Parts, body: Incoming) -> Response<Body> {
        let answered = self.chunk(parts, body).await.unwrap_or_else(|error| {
            let mut response = error.answer(&parts.method);
            attempt::note_chunk(&mut response, parts);
            self.logged(parts, &arrived(parts), response)
        });
        satchel_resume::of_tus(answered, self.functions.resume_limits())
    }

    async fn chunk(&self, parts: &Parts, body: Incoming) -> Answered {
        // `None` where it comes in chunks of unknown number.
        let announced = (!body::is_chunked(&parts.headers))
            .then(|| body::announced_length(&parts.headers).ok().flatten().unwrap_or_default());
        if announced == Some(0) {
            return self.invoke(parts, Bytes::new(), None).await;
        }
        if self.strict_aws && announced.is_some_and(|length| length > BODY_LIMIT) {
            body::drain(body, &parts.headers);
            return Err(GatewayError::ChunkTooLarge);
        }
        let asked_at = self.functions.now();
        if announced.is_none_or(|length| length > READ_FIRST) || body::expects_continue(&parts.headers) {
            let mut kept_back = parts.clone();
            // Any length will do where none is known: it is not there.
            kept_back.headers = announcing(&parts.headers, announced.unwrap_or(1));
            let (seen, decision) = self.ask(&kept_back, Bytes::new(), Some(asked_at)).await?;
            if !is_kept_back(&decision) {
                body::drain(body, &parts.headers);
                return Ok(self.called(parts, seen, decision));
            }
        }
        self.allowed(parts, body, announced, asked_at).await
    }

    /// A chunk that may come. One with a checksum is nothing before it is whole.
    async fn allowed(&self, parts: &Parts, body: Incoming, announced: Option<u64>, asked_at: Timestamp) -> Answered {
        let header = |name: &str| parts.headers.get(name)?.to_str().ok();
        let length = announced.unwrap_or(BODY_LIMIT);
        let is_checked = parts.headers.contains_key("upload-checksum");
        if self.strict_aws || is_checked && length <= BODY_LIMIT {
            return self.invoke_with(parts, body, length, Some(asked_at)).await;
        }
        let chunk = match header("upload-checksum").map(Checksum::parse).transpose()? {
            None => Chunk::Arriving(Cut::new(body), announced),
            Some(checksum) => {
                let whole = self.spool.take(body, length).await?;
                self.check(&whole, length, checksum).await?;
                Chunk::Arrived(whole, 0, length)
            }
        };
        let method = request::method(&parts.method, header).unwrap_or_default();
        self.in_pieces(parts, chunk, &method, asked_at).await
    }

    /// Whether a chunk that has come is the one that was sent.
    async fn check(&self, chunk: &Whole, length: u64, checksum: Checksum) -> Result<(), GatewayError> {
        let mut checking = Checking::of(checksum);
        let mut at = 0;
        while at < length {
            let next = length.min(at + CHECKED_BYTES);
            checking.update(&self.spool.load(chunk.slice(at..next)).await?);
            at = next;
        }
        Ok(checking.finish()?)
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
