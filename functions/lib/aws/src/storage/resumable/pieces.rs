//! Bytes that came in pieces and go to S3 as one body, without being put together in between: a few MiB at once are
//! what a function's memory can do without.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

/// Pieces, in order. Copies share the bytes.
#[derive(Debug, Clone, Default)]
pub struct Pieces(Vec<Bytes>);

impl Pieces {
    /// The pieces that a buffer is made of.
    #[must_use]
    pub fn of(mut buffer: impl Buf) -> Self {
        let mut pieces = Vec::new();
        while buffer.has_remaining() {
            let length = buffer.chunk().len();
            // Given out as it is, not copied, where the buffer is made of `Bytes`.
            pieces.push(buffer.copy_to_bytes(length));
        }
        Self(pieces)
    }

    /// Two sequences, one after the other.
    #[must_use]
    pub fn chain(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Bytes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|piece| piece.len() as u64).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    /// Adds one at the end.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.0.push(piece);
        }
    }

    /// All of them in one; a single one is not copied.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        match self.0.len() {
            0 | 1 => self.0.pop().unwrap_or_default(),
            _ => self.0.concat().into(),
        }
    }

    /// A body that can be sent again, for the SDK's further attempts.
    pub(super) fn to_stream(&self) -> ByteStream {
        let pieces = self.clone();
        ByteStream::new(SdkBody::retryable(move || SdkBody::from_body_1_x(Sending(pieces.0.clone().into_iter()))))
    }
}

impl From<Bytes> for Pieces {
    fn from(bytes: Bytes) -> Self {
        Self::of(bytes)
    }
}

struct Sending(std::vec::IntoIter<Bytes>);

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    /// S3 wants to know the length beforehand.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_slice().iter().map(|piece| piece.len() as u64).sum())
    }
}
