//! Takes a body in: counts and hashes it, keeps a small one in memory and writes a larger one to a file. Constant memory.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::Store;
use crate::blobs::{Blobs, Draft};
use crate::error::{Refusal, StoreError};
use crate::record::Digest;
use crate::room::Promise;

/// Bytes gathered before they are handed to a blocking thread. Two such batches are in memory at a time.
const BATCH_BYTES: usize = 64 * 1024;
/// Smaller pieces are copied together.
const CRUMB_BYTES: usize = 4 * 1024;

/// Sees the bytes of a body as they pass, to make digests of its own.
pub trait Observer: Send + 'static {
    /// The next bytes.
    fn update(&mut self, bytes: &[u8]);
}

/// For those who need no digest but the store's own.
impl Observer for () {
    fn update(&mut self, _: &[u8]) {}
}

/// A body that is here as a whole; gone when it is dropped without being stored.
#[derive(Debug)]
pub struct Body {
    pub(crate) content: Content,
    /// In bytes.
    pub size: u64,
    /// Of all of it.
    pub sha256: Digest,
}

#[derive(Debug)]
pub(crate) enum Content {
    Small(Bytes),
    File(Box<Draft>),
}

impl Body {
    /// A body that is in memory and small.
    pub(crate) fn small(bytes: Bytes) -> Self {
        Self { size: bytes.len() as u64, sha256: Digest::of(&bytes), content: Content::Small(bytes) }
    }

    /// The same in a file, however small. Blocks.
    pub(crate) fn into_file(self, blobs: &Blobs) -> std::io::Result<Box<Draft>> {
        match self.content {
            Content::File(draft) => Ok(draft),
            Content::Small(bytes) => {
                let mut draft = blobs.begin()?;
                draft.append(&bytes)?;
                Ok(Box::new(draft))
            }
        }
    }
}

/// How a body has ended.
#[derive(Debug)]
pub enum Ended<E> {
    /// Where it said.
    Whole,
    /// Not yet: there is more of it than was to be taken.
    TooLong,
    /// Before that.
    Broken(E),
}

/// A body as far as it has come.
#[derive(Debug)]
pub struct Received<B, O, E> {
    /// The bytes.
    pub body: B,
    /// Has seen all of them.
    pub observer: O,
    /// How it has ended.
    pub ended: Ended<E>,
}

/// How much of a body is to be taken.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// No more than so many bytes.
    pub most: u64,
    /// So many are sure to come, as far as that is known: room is promised for them.
    pub announced: u64,
}

impl Store {
    /// Reads `body` to its end, which must come after `length` bytes, and shows `observer` all of it. On any error, or
    /// when the future is dropped, nothing stays behind.
    ///
    /// # Errors
    /// [`Refusal::IncompleteBody`], [`StoreError::Full`], or the disk or the body failed.
    pub async fn receive<S, E, O>(&self, body: S, length: u64, observer: O) -> Result<(Body, O), StoreError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
        O: Observer,
    {
        let room = Room { most: length, announced: length };
        let Received { body, observer, ended } = self.receive_some(body, room, observer).await?;
        match ended {
            Ended::Whole if body.size == length => Ok((body, observer)),
            Ended::Whole => Err(incomplete(body.size, length).into()),
            Ended::TooLong => Err(incomplete(length.saturating_add(1), length).into()),
            Ended::Broken(error) => Err(StoreError::Body(error.into())),
        }
    }

    /// Reads `body` as far as it comes, and shows `observer` all of that. What is not stored afterwards does not stay
    /// behind.
    ///
    /// # Errors
    /// [`StoreError::Full`], or the disk failed.
    pub async fn receive_some<S, E, O>(
        &self,
        body: S,
        room: Room,
        observer: O,
    ) -> Result<Received<Body, O, E>, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        O: Observer,
    {
        let promise = self.promise(room.announced)?;
        if room.most <= self.inside() {
            return Ok(small(body, room.most, observer).await);
        }
        let received = large(self.blobs().clone(), None, body, promise, room.most, observer).await;
        received.inspect_err(|error| self.watch().failed(error))
    }

    /// The same of what goes behind the bytes that `draft` has.
    pub(crate) async fn receive_behind<S, E, O>(
        &self,
        draft: Box<Draft>,
        body: S,
        room: Room,
        observer: O,
    ) -> Result<Received<Body, O, E>, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        O: Observer,
    {
        let promise = self.promise(room.announced)?;
        let received = large(self.blobs().clone(), Some(draft), body, promise, room.most, observer).await;
        received.inspect_err(|error| self.watch().failed(error))
    }

    fn promise(&self, bytes: u64) -> Result<Promise, StoreError> {
        self.room().promise(bytes).inspect_err(|error| {
            // One that is too large for what is left says nothing about the disk.
            if self.room().admit(0).is_err() {
                self.watch().failed(error);
            }
        })
    }
}

fn incomplete(received: u64, announced: u64) -> Refusal {
    Refusal::IncompleteBody { received, announced }
}

async fn small<S, E, O>(mut body: S, most: u64, mut observer: O) -> Received<Body, O, E>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    O: Observer,
{
    let (mut whole, mut ended) = (BytesMut::new(), Ended::Whole);
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) if (whole.len() + piece.len()) as u64 > most => ended = Ended::TooLong,
            Ok(piece) => {
                whole.extend_from_slice(&piece);
                continue;
            }
            Err(error) => ended = Ended::Broken(error),
        }
        break;
    }
    observer.update(&whole);
    Received { body: Body::small(whole.freeze()), observer, ended }
}

async fn large<S, E, O>(
    blobs: Blobs,
    draft: Option<Box<Draft>>,
    mut body: S,
    promise: Promise,
    most: u64,
    observer: O,
) -> Result<Received<Body, O, E>, StoreError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    O: Observer,
{
    let before = draft.as_ref().map_or(0, |draft| draft.len());
    let sink = Box::new(Sink { blobs, draft, promise, observer });
    let mut intake = Intake { at: At::Idle(sink), batch: Vec::new(), crumbs: BytesMut::new(), batched: 0, received: 0 };
    let mut ended = Ended::Whole;
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) if intake.received + piece.len() as u64 > most => ended = Ended::TooLong,
            Ok(piece) => {
                intake.take(piece).await?;
                continue;
            }
            Err(error) => ended = Ended::Broken(error),
        }
        break;
    }
    intake.dispatch().await?;
    let size = before + intake.received;
    let Sink { draft, observer, .. } = *intake.settle().await?;
    let body = match draft {
        Some(draft) => Body { size, sha256: draft.digest(), content: Content::File(draft) },
        None => Body::small(Bytes::new()),
    };
    Ok(Received { body, observer, ended })
}

/// The file being written. Lives on blocking threads.
struct Sink<O> {
    blobs: Blobs,
    draft: Option<Box<Draft>>,
    promise: Promise,
    observer: O,
}

impl<O: Observer> Sink<O> {
    fn write(&mut self, batch: &[Bytes]) -> std::io::Result<()> {
        if self.draft.is_none() && !batch.is_empty() {
            self.draft = Some(Box::new(self.blobs.begin()?));
        }
        for bytes in batch {
            self.observer.update(bytes);
            if let Some(draft) = &mut self.draft {
                draft.append(bytes)?;
            }
            self.promise.take(bytes.len() as u64);
        }
        Ok(())
    }
}

enum At<O> {
    Idle(Box<Sink<O>>),
    Writing(JoinHandle<Result<Box<Sink<O>>, StoreError>>),
    Failed,
}

/// Gathers batches, and keeps one being written while the next arrives.
struct Intake<O> {
    at: At<O>,
    batch: Vec<Bytes>,
    /// Small pieces, put together: each may hold a much larger buffer of the connection's.
    crumbs: BytesMut,
    batched: usize,
    received: u64,
}

impl<O: Observer> Intake<O> {
    async fn take(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.received += bytes.len() as u64;
        self.batched += bytes.len();
        if bytes.len() < CRUMB_BYTES {
            self.crumbs.extend_from_slice(&bytes);
        } else {
            self.take_crumbs();
            self.batch.push(bytes);
        }
        if self.batched >= BATCH_BYTES { self.dispatch().await } else { Ok(()) }
    }

    fn take_crumbs(&mut self) {
        if !self.crumbs.is_empty() {
            self.batch.push(self.crumbs.split().freeze());
        }
    }

    async fn dispatch(&mut self) -> Result<(), StoreError> {
        let mut sink = self.settle().await?;
        self.take_crumbs();
        let batch = std::mem::take(&mut self.batch);
        self.batched = 0;
        self.at = At::Writing(spawn_blocking(move || {
            sink.write(&batch)?;
            Ok(sink)
        }));
        Ok(())
    }

    /// Waits for the batch being written and takes the sink.
    async fn settle(&mut self) -> Result<Box<Sink<O>>, StoreError> {
        match std::mem::replace(&mut self.at, At::Failed) {
            At::Idle(sink) => Ok(sink),
            At::Writing(writing) => writing.await?,
            At::Failed => Err(StoreError::Closed),
        }
    }
}
