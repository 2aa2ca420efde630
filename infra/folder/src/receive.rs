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
        let promise = self.room().promise(length).inspect_err(|error| {
            // One that is too large for what is left says nothing about the disk.
            if self.room().admit(0).is_err() {
                self.watch().failed(error);
            }
        })?;
        if length <= self.inside() {
            return small(body, length, observer).await;
        }
        let received = large(self.blobs().clone(), body, promise, length, observer).await;
        received.inspect_err(|error| self.watch().failed(error))
    }
}

fn next<E: Into<Box<dyn std::error::Error + Send + Sync>>>(piece: Result<Bytes, E>) -> Result<Bytes, StoreError> {
    piece.map_err(|error| StoreError::Body(error.into()))
}

fn incomplete(received: u64, announced: u64) -> Refusal {
    Refusal::IncompleteBody { received, announced }
}

async fn small<S, E, O>(mut body: S, length: u64, mut observer: O) -> Result<(Body, O), StoreError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    O: Observer,
{
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = next(piece)?;
        let received = (whole.len() + piece.len()) as u64;
        if received > length {
            return Err(incomplete(received, length).into());
        }
        whole.extend_from_slice(&piece);
    }
    if whole.len() as u64 != length {
        return Err(incomplete(whole.len() as u64, length).into());
    }
    observer.update(&whole);
    Ok((Body::small(whole.freeze()), observer))
}

async fn large<S, E, O>(
    blobs: Blobs,
    mut body: S,
    promise: Promise,
    length: u64,
    observer: O,
) -> Result<(Body, O), StoreError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    O: Observer,
{
    let sink = Box::new(Sink { blobs, draft: None, promise, observer });
    let mut intake = Intake { at: At::Idle(sink), batch: Vec::new(), crumbs: BytesMut::new(), batched: 0, received: 0 };
    while let Some(piece) = body.next().await {
        intake.take(next(piece)?, length).await?;
    }
    if intake.received != length {
        return Err(incomplete(intake.received, length).into());
    }
    intake.dispatch().await?;
    let Sink { draft, observer, .. } = *intake.settle().await?;
    let draft = draft.ok_or(StoreError::Closed)?;
    Ok((Body { size: length, sha256: draft.digest(), content: Content::File(draft) }, observer))
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
        if self.draft.is_none() {
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
    async fn take(&mut self, bytes: Bytes, announced: u64) -> Result<(), StoreError> {
        self.received += bytes.len() as u64;
        if self.received > announced {
            return Err(incomplete(self.received, announced).into());
        }
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
