//! Which readers may still need a blob that the index has dropped: a blob goes when the last of them is done.
//!
//! Readers enter the current epoch before they look at the index. A commit that drops blobs ends the epoch and
//! leaves its garbage there. Each epoch keeps its successor alive, so garbage waits for all earlier readers too.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::blob_id::BlobId;
use crate::reaper::Order;

#[derive(Debug)]
pub(crate) struct Epochs {
    current: Mutex<Arc<Epoch>>,
    reaper: Sender<Order>,
}

#[derive(Debug)]
struct Epoch {
    garbage: OnceLock<Vec<BlobId>>,
    next: OnceLock<Arc<Epoch>>,
    reaper: Sender<Order>,
}

/// While it lives, every blob that the index named at the time of [`Epochs::enter`] stays on disk.
#[derive(Debug, Clone)]
pub(crate) struct ReadGuard(#[expect(dead_code, reason = "held for its Drop")] Arc<Epoch>);

impl Epochs {
    pub(crate) fn new(reaper: Sender<Order>) -> Self {
        let current = Mutex::new(Arc::new(Epoch::new(reaper.clone())));
        Self { current, reaper }
    }

    /// Enters the current epoch. To be called before the index is read.
    pub(crate) fn enter(&self) -> ReadGuard {
        ReadGuard(self.current.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Gives up blobs that the last commit dropped. To be called after the commit.
    pub(crate) fn retire(&self, garbage: Vec<BlobId>) {
        if garbage.is_empty() {
            return;
        }
        let next = Arc::new(Epoch::new(self.reaper.clone()));
        let ended = {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, next.clone())
        };
        // Both are set once per epoch: only its end sets them, and it ends once.
        let _ = ended.garbage.set(garbage);
        let _ = ended.next.set(next);
    }
}

impl Epoch {
    fn new(reaper: Sender<Order>) -> Self {
        Self { garbage: OnceLock::new(), next: OnceLock::new(), reaper }
    }

    fn reap(&mut self) -> Option<Arc<Epoch>> {
        if let Some(garbage) = self.garbage.take() {
            // A reaper that is gone leaves the files to the next sweep.
            let _ = self.reaper.send(Order::Remove(garbage));
        }
        self.next.take()
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        // A loop, not recursion: one slow reader may hold up a chain of many thousand epochs.
        let mut next = self.reap();
        while let Some(mut epoch) = next.and_then(Arc::into_inner) {
            next = epoch.reap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    fn blob(sequence: u64) -> BlobId {
        BlobId { generation: 1, sequence }
    }

    fn removed(orders: &Receiver<Order>) -> Vec<u64> {
        let mut all = Vec::new();
        while let Ok(Order::Remove(ids)) = orders.try_recv() {
            all.extend(ids.iter().map(|id| id.sequence));
        }
        all
    }

    #[test]
    fn garbage_without_readers_goes_at_once() {
        let (reaper, orders) = channel();
        let epochs = Epochs::new(reaper);
        epochs.retire(vec![blob(1)]);
        assert_eq!(removed(&orders), [1]);
    }

    #[test]
    fn garbage_waits_for_every_earlier_reader() {
        let (reaper, orders) = channel();
        let epochs = Epochs::new(reaper);
        let early = epochs.enter();
        epochs.retire(vec![blob(1)]);
        let late = epochs.enter();
        epochs.retire(vec![blob(2)]);
        drop(late);
        assert_eq!(removed(&orders), [] as [u64; 0]);
        drop(early);
        assert_eq!(removed(&orders), [1, 2]);
    }

    #[test]
    fn a_long_chain_of_epochs_does_not_overflow_the_stack() {
        let (reaper, orders) = channel();
        let epochs = Epochs::new(reaper);
        let reader = epochs.enter();
        (0..200_000).for_each(|n| epochs.retire(vec![blob(n)]));
        drop(reader);
        assert_eq!(removed(&orders).len(), 200_000);
    }
}
