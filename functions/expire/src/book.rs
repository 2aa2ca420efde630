//! What a run has done so far: the report, the summary, and whoever watches.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use satchel_store::{Fate, StoreError, Upkeep, report::Report};

use crate::{
    report::{Item, Reason, Summary},
    run::{Run, is_enough},
};

pub(crate) struct Book<'a, S: Upkeep> {
    report: Report<S::Parts>,
    pub(crate) summary: Summary,
    watch: &'a mut (dyn FnMut(&Summary) + Send),
    spared: Spared,
}

/// Files that a dry run has left where a real one would have deleted them, by the hash of their keys: eight bytes each,
/// whatever they are called.
#[derive(Default)]
pub(crate) struct Spared {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Spared {
    fn add(&mut self, key: &str) {
        self.hashes.insert(self.hasher.hash_one(key));
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.hashes.contains(&self.hasher.hash_one(key))
    }
}

impl<'a, S: Upkeep> Book<'a, S> {
    pub(crate) fn new(report: Report<S::Parts>, summary: Summary, watch: &'a mut (dyn FnMut(&Summary) + Send)) -> Self {
        Self { report, summary, watch, spared: Spared::default() }
    }

    /// Writes down what became of some objects. Where the report cannot be written, or too much fails, the run ends.
    pub(crate) async fn note(&mut self, run: &Run<'_, S>, outcomes: Vec<(Item, Fate)>) {
        for (item, fate) in &outcomes {
            self.report.add(&item.line(fate));
            self.summary.note(item, fate);
            if *fate == Fate::WouldDelete && item.reason == Reason::Expired {
                self.spared.add(&item.key);
            }
        }
        if !run.is_over()
            && let Err(error) = self.report.flush().await
        {
            self.fail(&error);
            run.stop();
        }
        if is_enough(&self.summary) {
            run.stop();
        }
        (self.watch)(&self.summary);
    }

    /// Writes down that something could not be looked at.
    pub(crate) fn fail(&mut self, error: &StoreError) {
        self.summary.fail(error.to_string());
    }

    /// What a real run would have deleted by now.
    pub(crate) fn take_spared(&mut self) -> Spared {
        std::mem::take(&mut self.spared)
    }

    /// Ends the report; gives the summary.
    pub(crate) async fn close(mut self, complete: bool) -> Summary {
        self.summary.complete = complete;
        self.report.add(&self.summary.line());
        if let Err(error) = self.report.finish().await {
            self.summary.fail(format!("the report could not be written: {error}"));
        }
        self.summary
    }
}
