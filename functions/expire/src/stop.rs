//! When a run begins nothing more.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::report::Summary;

/// After so many failures S3 is not asked for more: the next run goes on.
const MOST_ERRORS: u64 = 100;

/// Says whether a run is over: its time is up, or too much has failed.
pub(crate) struct Stop<'a> {
    is_time_up: &'a (dyn Fn() -> bool + Send + Sync),
    stopped: AtomicBool,
}

impl<'a> Stop<'a> {
    pub(crate) const fn new(is_time_up: &'a (dyn Fn() -> bool + Send + Sync)) -> Self {
        Self { is_time_up, stopped: AtomicBool::new(false) }
    }

    /// Whether to begin nothing more.
    pub(crate) fn is_over(&self) -> bool {
        if (self.is_time_up)() {
            self.stop();
        }
        self.stopped.load(Ordering::Relaxed)
    }

    /// Begins nothing more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Begins nothing more where enough has failed.
    pub(crate) fn consider(&self, summary: &Summary) {
        if summary.errors >= MOST_ERRORS {
            self.stop();
        }
    }
}
