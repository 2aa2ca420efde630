//! Request bodies: how long they are, reading them whole, throwing them away.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{
    HeaderMap,
    header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING},
};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
pub use satchel_store::BodyError;
use satchel_store::{Pieces, SLOWEST};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

/// How long a client may send nothing while its body is under way.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a client is waited for before its pace is looked at.
const PACE_WINDOW: Duration = Duration::from_secs(60);
/// For how long, and how many bytes, a refused body is still read, so that the client gets to see the refusal:
/// closing a socket with unread bytes in it resets the connection.
const LINGER: Duration = Duration::from_secs(10);
const LINGER_BYTES: usize = 256 * 1024 * 1024;

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

/// A body under way. Whoever waits for it waits as long as it moves.
pub struct Arriving<B> {
    body: B,
    /// Since when it is waited for, and how long it was since its pace was looked at.
    since: Option<Instant>,
    waited: Duration,
    came: u64,
}

impl<B: hyper::body::Body<Data = Bytes> + Unpin> Arriving<B> {
    /// Takes a body that nothing was read of.
    pub fn new(body: B) -> Self {
        Self { body, since: None, waited: Duration::ZERO, came: 0 }
    }

    /// The next piece; `None` at its end. May be dropped and called again: the wait goes on.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let since = *self.since.get_or_insert_with(Instant::now);
            let frame = timeout_at(since + IDLE_TIMEOUT, self.body.frame()).await.map_err(|_| BodyError::Stalled)?;
            self.rest();
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(BodyError::Incomplete),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.keep_pace(bytes.len())?;
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// Whether any of it was asked for: until then a client may wait for permission.
    pub fn has_begun(&self) -> bool {
        self.since.is_some() || !self.waited.is_zero()
    }

    /// Whether all of it has come.
    pub fn is_over(&self) -> bool {
        self.body.is_end_stream()
    }

    /// The wait is not the client's any more: its pieces are being passed on.
    pub fn rest(&mut self) {
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    fn keep_pace(&mut self, came: usize) -> Result<(), BodyError> {
        self.came += came as u64;
        if self.waited < PACE_WINDOW {
            return Ok(());
        }
        let (came, waited) = (std::mem::take(&mut self.came), std::mem::take(&mut self.waited));
        if came < SLOWEST * waited.as_secs() { Err(BodyError::TooSlow) } else { Ok(()) }
    }
}

/// A body as a stream, and what gives the rest of it back once the stream is dropped.
pub fn lent(body: Incoming) -> (Pieces<BodyError>, oneshot::Receiver<Arriving<Incoming>>) {
    let (back, rest) = oneshot::channel();
    let lent = Lent { arriving: Some(Arriving::new(body)), back: Some(back) };
    let pieces = stream::unfold(lent, async |mut lent| {
        let piece = lent.arriving.as_mut()?.next().await.transpose()?;
        Some((piece, lent))
    });
    (pieces.boxed(), rest)
}

struct Lent {
    arriving: Option<Arriving<Incoming>>,
    back: Option<oneshot::Sender<Arriving<Incoming>>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(arriving), Some(back)) = (self.arriving.take(), self.back.take()) {
            // Nobody may be interested.
            let _ = back.send(arriving);
        }
    }
}

/// Reads a refused body to its end, within limits. A client that waits for permission is given none: reading
/// would.
pub fn drain(body: Incoming, headers: &HeaderMap) {
    if !body.is_end_stream() && !expects_continue(headers) {
        linger(body);
    }
}

/// Reads the rest of a body that has been begun, within limits.
pub fn linger(body: Incoming) {
    linger_on(Arriving::new(body));
}

/// The same of one that has been waited for.
pub fn linger_on(mut body: Arriving<Incoming>) {
    let drained = async move {
        let mut left = LINGER_BYTES;
        while let Ok(Some(bytes)) = body.next().await {
            left = left.saturating_sub(bytes.len());
            if left == 0 {
                return;
            }
        }
    };
    tokio::spawn(tokio::time::timeout(LINGER, drained));
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    /// How a body of `pieces` ends that come `seconds` after one another.
    async fn outcome(pieces: usize, bytes: usize, seconds: u64) -> Result<usize, BodyError> {
        let piece = move |at| async move {
            let piece = (at < pieces).then(|| Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![0; bytes]))));
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            piece.map(|piece| (piece, at + 1))
        };
        let mut arriving = Arriving::new(StreamBody::new(Box::pin(stream::unfold(0, piece))));
        let mut came = 0;
        while let Some(piece) = arriving.next().await? {
            came += piece.len();
        }
        Ok(came)
    }

    // The paused clock jumps ahead once nothing but the timer is left to wait for.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_moves_is_waited_for_and_one_that_stands_or_creeps_is_not() {
        for (name, bytes, seconds, expected) in [
            ("at once", 65_536, 0, "whole"),
            ("1.5 kB/s for an hour", 1_500, 1, "whole"),
            ("in bursts", 60_000, 59, "whole"),
            ("at the slowest pace", 256, 1, "whole"),
            ("slower", 255, 1, "body came at less than 256 bytes a second"),
            ("a byte now and then", 1, 59, "body came at less than 256 bytes a second"),
            ("stops", 65_536, 61, "no byte of the body came for a minute"),
        ] {
            let outcome = match outcome(3_600, bytes, seconds).await {
                Ok(came) if came == 3_600 * bytes => "whole".to_owned(),
                other => format!("{}", other.unwrap_err()),
            };
            assert!(outcome.contains(expected), "{name}: {outcome}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_others_take_is_not_the_clients() {
        let pieces = stream::iter((0..10).map(|_| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"a")))));
        let mut arriving = Arriving::new(StreamBody::new(pieces));
        while arriving.next().await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
    }
}
