//! Bodies are in memory by turns.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::spool::Whole;

/// Large bodies that are handled at the same time: each is in memory, and S3's client beside it.
const LARGE: usize = 2;
/// Bytes of small bodies that are handled at the same time; each takes several times its bytes while it is an event.
const SMALL: usize = 2 * 1024 * 1024;

/// Whose turn it is.
#[derive(Debug, Clone)]
pub struct Turns {
    large: Arc<Semaphore>,
    small: Arc<Semaphore>,
}

impl Turns {
    /// Everybody's.
    pub fn new() -> Self {
        Self { large: Arc::new(Semaphore::new(LARGE)), small: Arc::new(Semaphore::new(SMALL)) }
    }

    /// Waits until there is memory for a body. Its turn lasts as long as what this gives.
    pub async fn of(&self, body: &Whole) -> Option<OwnedSemaphorePermit> {
        let turn = match body {
            Whole::Memory(bytes) => {
                let bytes = bytes.len().try_into().unwrap_or(u32::MAX);
                Arc::clone(&self.small).acquire_many_owned(bytes).await
            }
            Whole::File(..) => Arc::clone(&self.large).acquire_owned().await,
        };
        turn.ok()
    }
}
