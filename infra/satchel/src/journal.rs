//! Where the lines of all requests and events go: they are printed, counted, and remembered for the status page.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use satchel_aws::log::Seen;
use satchel_telemetry::line::Line;

use crate::{
    chronicle::{Chronicle, Counts, Refusal},
    exporter::Exporter,
};

pub use satchel_aws::sink::Sink;

/// The one place that lines are written to.
#[derive(Debug)]
pub struct Journal {
    sink: Sink,
    exporter: Exporter,
    chronicle: Mutex<Chronicle>,
    /// The functions that have been called since the stack started.
    called: Mutex<BTreeSet<&'static str>>,
}

impl Journal {
    /// An empty journal.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self { sink, exporter: Exporter::new(), chronicle: Mutex::default(), called: Mutex::default() }
    }

    /// Takes in a line.
    pub fn write(&self, line: &Line) {
        self.exporter.observe(line);
        self.chronicle().note(line);
        self.sink.write(line);
    }

    /// The metrics.
    #[must_use]
    pub fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    /// The last hours up to `now` in seconds since the epoch, oldest first, and the last refusals, newest first.
    #[must_use]
    pub fn lately(&self, now: u64) -> (Vec<(u64, Counts)>, Vec<Refusal>) {
        let chronicle = self.chronicle();
        (chronicle.hours(now), chronicle.refusals())
    }

    /// How many requests and events were refused or failed.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.chronicle().refused()
    }

    /// Says of a call whether it is its function's first: what a cold start is on Lambda.
    #[must_use]
    pub fn noting_cold_start(&self, seen: Seen) -> Seen {
        let first = self.called.lock().unwrap_or_else(PoisonError::into_inner).insert(seen.function());
        seen.starting_cold(first)
    }

    fn chronicle(&self) -> MutexGuard<'_, Chronicle> {
        self.chronicle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
