//! A large body on its way to its file: gathered in batches, each written on a thread that may block while the next arrives.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::blobs::{Blobs, Draft};
use crate::error::StoreError;
use crate::observer::Observer;
use crate::room::Promise;

/// Bytes that all large bodies have in memory, each in two batches: one that is gathered, and one that is written. Bodies that
/// are gathered as a whole have as much again.
const IN_MEMORY: usize = 8 * 1024 * 1024;
/// Few bodies have larger batches, as each takes a thread that may block, and many have no smaller ones than these.
const BATCH_BYTES: RangeInclusive<usize> = 64 * 1024..=512 * 1024;
/// Smaller pieces are copied together.
const CRUMB_BYTES: usize = 4 * 1024;

/// The memory that bodies on their way share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shares(Arc<Bodies>);

#[derive(Debug, Default)]
struct Bodies {
    /// How many are large.
    large: AtomicUsize,
    /// Bytes that others take which are gathered as a whole.
    gathered: AtomicUsize,
}

impl Shares {
    /// One more large one.
    pub(crate) fn take(&self) -> Share {
        self.0.large.fetch_add(1, Ordering::Relaxed);
        Share(self.clone())
    }

    /// Memory for a body as a whole, if there is some: whoever never sends the last byte holds it.
    pub(crate) fn gather(&self, bytes: usize) -> Option<Gathering> {
        let taken = Gathering { shares: self.clone(), bytes };
        let before = self.0.gathered.fetch_add(bytes, Ordering::Relaxed);
        (before.saturating_add(bytes) <= IN_MEMORY).then_some(taken)
    }
}

/// Memory that one body has as a whole. Not given out, it is free at once.
#[derive(Debug)]
pub(crate) struct Gathering {
    shares: Shares,
    bytes: usize,
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.shares.0.gathered.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// One body's part of the memory for all.
#[derive(Debug)]
pub(crate) struct Share(Shares);

impl Share {
    /// Bytes to gather before they are handed to a blocking thread.
    fn batch(&self) -> usize {
        let each = IN_MEMORY / 2 / self.0.0.large.load(Ordering::Relaxed).max(1);
        each.clamp(*BATCH_BYTES.start(), *BATCH_BYTES.end())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.0.large.fetch_sub(1, Ordering::Relaxed);
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

    #[test]
    fn bodies_are_gathered_as_long_as_there_is_memory() {
        let shares = Shares::default();
        let taken: Vec<_> = (0..100).filter_map(|_| shares.gather(128 * 1024)).collect();
        assert_eq!(taken.len(), 64);
        drop(taken);
        assert!(shares.gather(IN_MEMORY).is_some() && shares.gather(IN_MEMORY + 1).is_none());
    }
}
