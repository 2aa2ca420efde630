//! Gives an object's bytes out: a range of them as a stream, checked, one buffer in memory at a time.
//!
//! What the system has in memory is read where it is asked for: to hand it to a thread that may wait, and back, takes longer
//! than to read it. Only what must come from the disk is read there.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::blobs::Blobs;
use crate::damage::{Damage, ReadError};
use crate::epoch::ReadGuard;
use crate::error::StoreError;
use crate::footer::{BLOCK, Checked};
use crate::found::Found;
use crate::record::{Digest, Place, Segment};
use crate::watch::Watch;

/// What the system says of a sector that it cannot read.
const EIO: i32 = 5;
/// Whole blocks, so that each is checked once.
const BUFFER_BYTES: u64 = BLOCK;
/// Up to so many files are opened at once, which frees the epoch: a slow reader then holds up only its own files.
const OPEN_AT_ONCE: usize = 8;

/// A stretch of one file.
struct Piece {
    segment: Segment,
    /// Bytes of it, counted from the file's start.
    range: Range<u64>,
    file: Option<Checked>,
}

/// Reads pieces one after another.
struct Reader {
    blobs: Blobs,
    watch: Arc<Watch>,
    /// Bucket and key, for errors.
    object: String,
    pieces: VecDeque<Piece>,
    guard: Option<ReadGuard>,
}

impl Reader {
    fn open(&mut self) -> Result<(), ReadError> {
        if self.pieces.len() <= OPEN_AT_ONCE {
            for piece in &mut self.pieces {
                piece.open(&self.blobs)?;
            }
            self.guard = None;
        }
        Ok(())
    }

    /// Opens everything and reads the first bytes, unless that takes the disk: then `None`, and nothing is done.
    fn open_cached(&mut self) -> Result<Option<Bytes>, ReadError> {
        if self.pieces.len() > OPEN_AT_ONCE {
            return Ok(None);
        }
        for piece in &mut self.pieces {
            if piece.file.is_none() {
                let Some(file) = self.blobs.open_cached(piece.segment.blob)? else { return Ok(None) };
                piece.file = Some(file.of_length(piece.segment.len)?);
            }
        }
        let first = self.next_cached()?;
        if first.is_some() {
            self.guard = None;
        }
        Ok(first)
    }

    /// The next bytes; empty at the end.
    fn next(&mut self) -> Result<Bytes, ReadError> {
        let Some(piece) = self.pieces.front_mut() else { return Ok(Bytes::new()) };
        let range = piece.next_buffer();
        let bytes = piece.open(&self.blobs)?.read(range.clone())?;
        self.passed(range.end);
        Ok(bytes.into())
    }

    /// The same without the disk; `None` where it is needed.
    fn next_cached(&mut self) -> Result<Option<Bytes>, ReadError> {
        let Some(piece) = self.pieces.front_mut() else { return Ok(Some(Bytes::new())) };
        let (range, Some(file)) = (piece.next_buffer(), &piece.file) else { return Ok(None) };
        let bytes = file.read_cached(range.clone())?;
        if bytes.is_some() {
            self.passed(range.end);
        }
        Ok(bytes.map(Bytes::from))
    }

    fn passed(&mut self, end: u64) {
        if let Some(piece) = self.pieces.front_mut() {
            piece.range.start = end;
        }
        if self.pieces.front().is_some_and(|piece| piece.range.is_empty()) {
            self.pieces.pop_front();
        }
    }

    /// Says what went wrong, as an error of the store.
    fn failed(&self, error: ReadError) -> StoreError {
        let error = match error {
            ReadError::Damaged(damage) => StoreError::Damaged { what: self.object.clone(), cause: damage.to_string() },
            // A bad sector is this object's affair, not the disk's.
            ReadError::Io(error) if error.raw_os_error() == Some(EIO) => {
                StoreError::Damaged { what: self.object.clone(), cause: format!("it cannot be read: {error}") }
            }
            ReadError::Io(error) => StoreError::Io(error),
        };
        self.watch.failed(&error);
        error
    }

    fn step(mut self) -> Result<(Self, Bytes), StoreError> {
        match self.next() {
            Ok(bytes) => Ok((self, bytes)),
            Err(error) => Err(self.failed(error)),
        }
    }
}

impl Piece {
    /// What is read of it at once.
    fn next_buffer(&self) -> Range<u64> {
        let buffer_end = (self.range.start / BLOCK).saturating_mul(BLOCK).saturating_add(BUFFER_BYTES);
        self.range.start..self.range.end.min(buffer_end)
    }

    fn open(&mut self, blobs: &Blobs) -> Result<&Checked, ReadError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => blobs.open_blob(self.segment.blob)?.of_length(self.segment.len)?,
        };
        Ok(self.file.insert(file))
    }
}

/// The bytes of a range, in order.
pub struct ObjectStream {
    state: State,
    /// Bytes not yet given out.
    remaining: u64,
}

impl std::fmt::Debug for ObjectStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectStream").field("remaining", &self.remaining).finish_non_exhaustive()
    }
}

enum State {
    Ready(Option<Reader>, Bytes),
    /// Nothing is read yet of what comes next.
    Waiting(Reader),
    Reading(JoinHandle<Result<(Reader, Bytes), StoreError>>),
    Done,
}

impl ObjectStream {
    /// Opens `range` of what was found; the first buffer is read here, so that damage that shows at once is an error and
    /// not a broken body.
    pub(crate) async fn open(
        blobs: Blobs,
        watch: Arc<Watch>,
        found: Found,
        range: Range<u64>,
    ) -> Result<Self, StoreError> {
        let remaining = range.end.saturating_sub(range.start);
        if let Place::Inside = found.record.place {
            let first = inside(&found, &range).inspect_err(|error| watch.failed(error))?;
            return Ok(Self { state: State::Ready(None, first), remaining });
        }
        let pieces = cut(found.record.place.segments(), &range);
        let mut reader = Reader { blobs, watch, object: found.at.to_string(), pieces, guard: Some(found.guard) };
        let cached = reader.open_cached();
        if let Some(first) = cached.map_err(|error| reader.failed(error))? {
            return Ok(Self { state: State::Ready(Some(reader), first), remaining });
        }
        let open = move || match reader.open() {
            Ok(()) => reader.step(),
            Err(error) => Err(reader.failed(error)),
        };
        let (reader, first) = spawn_blocking(open).await??;
        Ok(Self { state: State::Ready(Some(reader), first), remaining })
    }

    /// Bytes not yet given out.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Gives `bytes` out.
    fn give(&mut self, reader: Option<Reader>, bytes: Bytes) -> Bytes {
        self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
        self.state = match reader {
            Some(reader) if self.remaining > 0 => State::Waiting(reader),
            _ => State::Done,
        };
        bytes
    }
}

/// A range of a body that is in the index, if the body is the one that was stored.
fn inside(found: &Found, range: &Range<u64>) -> Result<Bytes, StoreError> {
    let (head, body) = (&found.record.head, &found.body);
    let bound = |at: u64| usize::try_from(at.min(body.len() as u64)).unwrap_or(0);
    if body.len() as u64 != head.size || head.sha256.is_some_and(|sha256| Digest::of(body) != sha256) {
        return Err(StoreError::Damaged { what: found.at.to_string(), cause: Damage::Digest.to_string() });
    }
    Ok(body.slice(bound(range.start)..bound(range.end).max(bound(range.start))))
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

impl Stream for ObjectStream {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.remaining > 0 {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Ready(reader, bytes) => {
                    if bytes.is_empty() {
                        // Fewer bytes than the record says; that was noticed when the file was opened.
                        break;
                    }
                    return Poll::Ready(Some(Ok(self.give(reader, bytes))));
                }
                State::Waiting(mut reader) => {
                    self.state = match reader.next_cached() {
                        Ok(Some(bytes)) => State::Ready(Some(reader), bytes),
                        Ok(None) => State::Reading(spawn_blocking(move || reader.step())),
                        Err(error) => return Poll::Ready(Some(Err(reader.failed(error)))),
                    };
                }
                State::Reading(mut reading) => match Pin::new(&mut reading).poll(cx) {
                    Poll::Pending => {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready(result) => match result.map_err(StoreError::from).and_then(|result| result) {
                        Ok((reader, bytes)) => self.state = State::Ready(Some(reader), bytes),
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    },
                },
                State::Done => break,
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob_id::BlobId;

    #[test]
    fn a_range_is_cut_from_the_segments_it_touches() {
        let sha256 = Digest([0; 32]);
        let segment = |sequence, len| Segment { blob: BlobId { generation: 1, sequence }, len, sha256 };
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
