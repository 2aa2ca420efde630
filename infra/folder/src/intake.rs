//! A large body on its way to its file: gathered in batches, each written on a thread that may block while the next arrives.

use bytes::{Bytes, BytesMut};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::blobs::{Blobs, Draft};
use crate::error::StoreError;
use crate::receive::Observer;
use crate::room::Promise;

/// Bytes gathered before they are handed to a blocking thread. Two such batches are in memory at a time.
const BATCH_BYTES: usize = 64 * 1024;
/// Smaller pieces are copied together.
const CRUMB_BYTES: usize = 4 * 1024;

/// The file being written. Lives on blocking threads.
pub(crate) struct Sink<O> {
    pub(crate) blobs: Blobs,
    pub(crate) draft: Option<Box<Draft>>,
    pub(crate) promise: Promise,
    pub(crate) observer: O,
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
pub(crate) struct Intake<O> {
    at: At<O>,
    batch: Vec<Bytes>,
    /// Small pieces, put together: each may hold a much larger buffer of the connection's.
    crumbs: BytesMut,
    batched: usize,
    /// Bytes so far.
    pub(crate) received: u64,
}

impl<O: Observer> Intake<O> {
    pub(crate) fn of(sink: Sink<O>) -> Self {
        let at = At::Idle(Box::new(sink));
        Self { at, batch: Vec::new(), crumbs: BytesMut::new(), batched: 0, received: 0 }
    }

    pub(crate) async fn take(&mut self, bytes: Bytes) -> Result<(), StoreError> {
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

    /// Writes what has been gathered and gives the sink back.
    pub(crate) async fn finish(mut self) -> Result<Box<Sink<O>>, StoreError> {
        self.dispatch().await?;
        self.settle().await
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
