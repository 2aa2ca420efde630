//! Gives an object's bytes out: a range of its segments as a stream, one buffer in memory at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};
use tokio::task::{JoinHandle, spawn_blocking};

use super::blobs::Blobs;
use super::epoch::ReadGuard;
use super::error::StoreError;
use super::record::Segment;

const BUFFER_BYTES: u64 = 256 * 1024;
/// Up to so many files are opened at once, which frees the epoch: a slow reader then holds up only its own blobs.
const OPEN_AT_ONCE: usize = 8;

/// A stretch of one blob.
struct Piece {
    segment: Segment,
    /// Bytes of it, counted from the blob's start.
    range: Range<u64>,
    file: Option<File>,
}

/// Reads pieces one after another. Lives on blocking threads.
struct Reader {
    blobs: Blobs,
    pieces: VecDeque<Piece>,
    guard: Option<ReadGuard>,
}

impl Reader {
    fn open(mut self) -> io::Result<Self> {
        if self.pieces.len() <= OPEN_AT_ONCE {
            for piece in &mut self.pieces {
                piece.open(&self.blobs)?;
            }
            self.guard = None;
        }
        Ok(self)
    }

    /// The next bytes; empty at the end.
    fn next(&mut self) -> io::Result<Bytes> {
        let Some(piece) = self.pieces.front_mut() else { return Ok(Bytes::new()) };
        let blobs = &self.blobs;
        piece.open(blobs)?;
        let length = (piece.range.end - piece.range.start).min(BUFFER_BYTES);
        let mut buffer = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        if let Some(file) = &mut piece.file {
            file.read_exact(&mut buffer)?;
        }
        piece.range.start += length;
        if piece.range.is_empty() {
            self.pieces.pop_front();
        }
        Ok(buffer.into())
    }
}

impl Piece {
    fn open(&mut self, blobs: &Blobs) -> io::Result<()> {
        if self.file.is_none() {
            let mut file = File::open(blobs.path(self.segment.blob))?;
            if self.range.start > 0 {
                file.seek(SeekFrom::Start(self.range.start))?;
            }
            self.file = Some(file);
        }
        Ok(())
    }
}

/// The bytes of a range, in order.
pub(crate) struct BlobStream {
    state: State,
    /// Bytes not yet given out.
    remaining: u64,
}

enum State {
    First(Option<Reader>, Bytes),
    Reading(JoinHandle<io::Result<(Reader, Bytes)>>),
    Done,
}

impl BlobStream {
    /// Opens `range` (bytes of the object) of `segments`; the first buffer is read here, so that a missing file is
    /// an error and not a broken body.
    pub(crate) async fn open(
        blobs: Blobs,
        segments: &[Segment],
        range: Range<u64>,
        guard: ReadGuard,
    ) -> Result<Self, StoreError> {
        let remaining = range.end.saturating_sub(range.start);
        let reader = Reader { blobs, pieces: cut(segments, &range), guard: Some(guard) };
        let open = move || {
            let mut reader = reader.open()?;
            let first = reader.next()?;
            io::Result::Ok((reader, first))
        };
        let (reader, first) = if remaining == 0 { open()? } else { spawn_blocking(open).await?? };
        Ok(Self { state: State::First(Some(reader), first), remaining })
    }
}

/// The pieces that make up `range` of the object.
fn cut(segments: &[Segment], range: &Range<u64>) -> VecDeque<Piece> {
    let mut pieces = VecDeque::new();
    let mut start = 0;
    for &segment in segments {
        let end = start + segment.len;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            pieces.push_back(Piece { segment, range: from - start..to - start, file: None });
        }
        start = end;
    }
    pieces
}

impl Stream for BlobStream {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.remaining > 0 {
            match &mut self.state {
                State::First(reader, bytes) => {
                    let (reader, bytes) = (reader.take(), std::mem::take(bytes));
                    return Poll::Ready(Some(Ok(self.give(reader, bytes))));
                }
                State::Reading(reading) => {
                    let result = ready!(Pin::new(reading).poll(cx));
                    self.state = State::Done;
                    match result {
                        Ok(Ok((reader, bytes))) => self.state = State::First(Some(reader), bytes),
                        Ok(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                        Err(error) => return Poll::Ready(Some(Err(error.into()))),
                    }
                }
                State::Done => return Poll::Ready(None),
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, None)
    }
}

impl BlobStream {
    /// Gives `bytes` out and reads on meanwhile.
    fn give(&mut self, reader: Option<Reader>, bytes: Bytes) -> Bytes {
        self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
        self.state = match reader {
            Some(mut reader) if self.remaining > 0 => {
                State::Reading(spawn_blocking(move || reader.next().map(|bytes| (reader, bytes))))
            }
            _ => State::Done,
        };
        bytes
    }
}

impl ByteStream for BlobStream {
    fn remaining_length(&self) -> RemainingLength {
        usize::try_from(self.remaining).map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::blobs::BlobId;

    #[test]
    fn a_range_is_cut_from_the_segments_it_touches() {
        let segment = |sequence, len| Segment { blob: BlobId { generation: 1, sequence }, len };
        let segments = [segment(0, 10), segment(1, 5), segment(2, 10)];
        let cut = |range: Range<u64>| -> Vec<(u64, Range<u64>)> {
            cut(&segments, &range).into_iter().map(|piece| (piece.segment.blob.sequence, piece.range)).collect()
        };
        assert_eq!(cut(0..25), [(0, 0..10), (1, 0..5), (2, 0..10)]);
        assert_eq!(cut(9..16), [(0, 9..10), (1, 0..5), (2, 0..1)]);
        assert_eq!(cut(10..15), [(1, 0..5)]);
        assert_eq!(cut(24..25), [(2, 9..10)]);
        assert_eq!(cut(5..5), []);
    }
}
