//! A large body on its way to its file: gathered in batches, each written on a thread that may block while the next arrives.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::blobs::{Blobs, Draft};
use crate::error::StoreError;
use crate::receive::Observer;
use crate::room::Promise;

/// Bytes that all large bodies have in memory, each in two batches: one that is gathered, and one that is written.
const IN_MEMORY: usize = 8 * 1024 * 1024;
/// Few bodies have larger batches, as each takes a thread that may block, and many have no smaller ones than these.
const BATCH_BYTES: RangeInclusive<usize> = 64 * 1024..=512 * 1024;
/// Smaller pieces are copied together.
const CRUMB_BYTES: usize = 4 * 1024;

/// How many large bodies are on their way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shares(Arc<AtomicUsize>);

impl Shares {
    /// One more.
    pub(crate) fn take(&self) -> Share {
        self.0.fetch_add(1, Ordering::Relaxed);
        Share(self.clone())
    }
}

/// One body's part of the memory for all.
#[derive(Debug)]
pub(crate) struct Share(Shares);

impl Share {
    /// Bytes to gather before they are handed to a blocking thread.
    fn batch(&self) -> usize {
        let each = IN_MEMORY / 2 / self.0.0.load(Ordering::Relaxed).max(1);
        each.clamp(*BATCH_BYTES.start(), *BATCH_BYTES.end())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

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
    share: Share,
    batch: Vec<Bytes>,
    /// Small pieces, put together: each may hold a much larger buffer of the connection's.
    crumbs: BytesMut,
    batched: usize,
    /// Bytes so far.
    pub(crate) received: u64,
}

impl<O: Observer> Intake<O> {
    pub(crate) fn of(sink: Sink<O>, share: Share) -> Self {
        let at = At::Idle(Box::new(sink));
        Self { at, share, batch: Vec::new(), crumbs: BytesMut::new(), batched: 0, received: 0 }
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
        if self.batched >= self.share.batch() { self.dispatch().await } else { Ok(()) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bodies_have_large_batches_and_many_share_the_memory() {
        for (bodies, kib) in [(1, 512), (8, 512), (16, 256), (32, 128), (64, 64), (1_000, 64)] {
            let shares = Shares::default();
            let taken: Vec<Share> = (0..bodies).map(|_| shares.take()).collect();
            assert_eq!(taken[0].batch(), kib * 1024, "{bodies}");
            drop(taken);
            assert_eq!(shares.take().batch(), 512 * 1024, "they are over");
        }
    }
}
