//! Request bodies: how long they are, reading them whole, throwing them away.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, Method, StatusCode,
    header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING},
};
use http_body_util::BodyExt;
use hyper::{Response, body::Incoming};
use lambda_http::Body;

use super::answer::refuse;

/// How long a client may send nothing while its body is under way.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a small body may take as a whole: nobody has looked at its token yet.
const SMALL_BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// For how long, and how many bytes, a refused body is still read, so that the client gets to see the refusal:
/// closing a socket with unread bytes in it resets the connection.
const LINGER: Duration = Duration::from_secs(10);
const LINGER_BYTES: usize = 256 * 1024 * 1024;

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum BodyError {
    /// The client went away, or sent less than it said.
    #[error("the body ended early; nothing was stored, send it again")]
    Incomplete,
    /// Nothing came for a minute.
    #[error("the body stopped for a minute; nothing was stored, send it again")]
    Stalled,
    /// More than announced, or than the gateway takes.
    #[error("the body is longer than allowed")]
    TooLong,
}

impl BodyError {
    /// The answer, should there be anybody left to read it.
    pub fn answer(&self, method: &Method) -> Response<Body> {
        let (status, code) = match self {
            Self::Incomplete => (StatusCode::BAD_REQUEST, "body_incomplete"),
            Self::Stalled => (StatusCode::REQUEST_TIMEOUT, "body_stalled"),
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        };
        refuse(method, status, code, self)
    }
}

/// Content-Length; an error where it is no number, which the function then says.
pub fn announced_length(headers: &HeaderMap) -> Result<Option<u64>, ()> {
    let Some(value) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    value.to_str().ok().and_then(|text| text.parse().ok()).map(Some).ok_or(())
}

/// Whether the body comes in chunks of unknown number.
pub fn is_chunked(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
}

/// Whether the client waits for permission to send its body (RFC 9110, section 10.1.1). hyper gives it with
/// the first read.
pub fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// The next piece of a body; `None` at its end.
pub async fn next(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    loop {
        let frame = tokio::time::timeout(IDLE_TIMEOUT, body.frame()).await.map_err(|_| BodyError::Stalled)?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(BodyError::Incomplete),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// The whole body, of at most `limit` bytes. `patient` leaves it the time that it takes, as long as something comes.
pub async fn read(body: Incoming, limit: u64, patient: bool) -> Result<Bytes, BodyError> {
    // A patient read is for a client that has been let in, and a few MiB: room for all of it saves copying.
    let whole = collect(body, limit, if patient { limit as usize } else { 0 });
    if patient {
        return whole.await;
    }
    tokio::time::timeout(SMALL_BODY_TIMEOUT, whole).await.map_err(|_| BodyError::Stalled)?
}

async fn collect(mut body: Incoming, limit: u64, room: usize) -> Result<Bytes, BodyError> {
    let mut whole = BytesMut::with_capacity(room);
    while let Some(bytes) = next(&mut body).await? {
        if (whole.len() + bytes.len()) as u64 > limit {
            return Err(BodyError::TooLong);
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}

/// Reads a refused body to its end, within limits. A client that waits for permission is given none: reading
/// would.
pub fn drain(body: Incoming, headers: &HeaderMap) {
    if !expects_continue(headers) {
        linger(body);
    }
}

/// Reads the rest of a body that has been begun, within limits.
pub fn linger(mut body: Incoming) {
    let drained = async move {
        let mut left = LINGER_BYTES;
        while let Ok(Some(bytes)) = next(&mut body).await {
            left = left.saturating_sub(bytes.len());
            if left == 0 {
                return;
            }
        }
    };
    tokio::spawn(tokio::time::timeout(LINGER, drained));
}
