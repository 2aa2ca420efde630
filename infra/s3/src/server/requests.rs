//! Counts the requests by operation: what S3 would bill, and what tests and benchmarks assert.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of requests with a valid signature since the server began, by operation name as in S3's
/// documentation (`GetObject`). Clones share the counters.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<Mutex<BTreeMap<String, u64>>>);

impl Requests {
    /// How many of one operation.
    #[must_use]
    pub fn count(&self, operation: &str) -> u64 {
        self.counters().get(operation).copied().unwrap_or_default()
    }

    /// How many of all operations.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counters().values().sum()
    }

    /// All counters that are above zero.
    #[must_use]
    pub fn by_operation(&self) -> BTreeMap<String, u64> {
        self.counters().clone()
    }

    pub(super) fn note(&self, operation: &str) {
        let mut counters = self.counters();
        match counters.get_mut(operation) {
            Some(count) => *count += 1,
            None => drop(counters.insert(operation.to_owned(), 1)),
        }
    }

    fn counters(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
