//! One run from beginning to end: what is due, what interrupted work has left, what is over the limit, the report.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream::FuturesUnordered};
use satchel_aws::clock::fresh_upload_id;
use satchel_core::{object_key::Key, time::Timestamp};
use satchel_store::{BATCH, Fate, Listed, StoreError, Upkeep};

use crate::{
    State,
    book::Book,
    due, leftovers,
    order::Order,
    report::{Item, Reason, Summary},
    room,
};

/// Batches of objects under way at once.
pub(crate) const BATCHES: usize = 4;
/// After so many failures S3 is not asked for more: the next run goes on.
const MOST_ERRORS: u64 = 100;

/// How a run is watched and stopped.
pub struct Options<'a> {
    /// Count what is left even where there is no total limit, which lists everything.
    pub count_all: bool,
    /// Whether it is time to begin nothing more.
    pub is_over: &'a (dyn Fn() -> bool + Send + Sync),
    /// Is shown how far it is, now and then.
    pub watch: &'a mut (dyn FnMut(&Summary) + Send),
}

/// What all parts of a run share.
pub(crate) struct Run<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) now: Timestamp,
    pub(crate) dry_run: bool,
    is_over: &'a (dyn Fn() -> bool + Send + Sync),
    stopped: AtomicBool,
}

/// What is to be deleted: what the report says of it, and the ETag that it must have.
pub(crate) type Candidate = (Item, Option<String>);

impl<S: Upkeep> Run<'_, S> {
    /// Whether to begin nothing more.
    pub(crate) fn is_over(&self) -> bool {
        if (self.is_over)() {
            self.stop();
        }
        self.stopped.load(Ordering::Relaxed)
    }

    /// Begins nothing more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Deletes at most [`BATCH`] objects, or in a dry run none; says what became of each.
    pub(crate) async fn delete(&self, doomed: Vec<Candidate>) -> Vec<(Item, Fate)> {
        debug_assert!(doomed.len() <= BATCH);
        if self.dry_run || doomed.is_empty() {
            return doomed.into_iter().map(|(item, _)| (item, Fate::WouldDelete)).collect();
        }
        let (items, keys): (Vec<Item>, Vec<_>) = doomed.into_iter().map(with_key).unzip();
        match self.store.delete(&keys).await {
            Ok(fates) => items.into_iter().zip(fates).collect(),
            Err(error) => {
                let failed = Fate::Failed(error.to_string());
                items.into_iter().map(|item| (item, failed.clone())).collect()
            }
        }
    }

    /// All objects under some prefixes.
    pub(crate) fn pages<'a>(&'a self, prefixes: &'a [&'a str]) -> Pages<'a, S> {
        Pages { run: self, prefixes, from: None }
    }

    /// Of all objects under some prefixes, deletes those that `choose` picks, asked page by page in the order of the
    /// keys; a few batches at once.
    pub(crate) async fn delete_chosen(
        &self,
        book: &mut Book<'_, S>,
        prefixes: &[&str],
        mut choose: impl FnMut(Vec<Listed>) -> Vec<Candidate>,
    ) {
        let (mut pages, mut under_way) = (self.pages(prefixes), FuturesUnordered::new());
        loop {
            if under_way.len() < BATCHES
                && let Some(page) = pages.next().await
            {
                match page {
                    Ok(page) => under_way.push(self.delete(choose(page))),
                    Err(error) => book.fail(&error),
                }
            } else {
                let Some(outcomes) = under_way.next().await else { break };
                book.note(self, outcomes).await;
            }
        }
    }
}

/// A listing of some prefixes, page by page, until the run is over.
pub(crate) struct Pages<'a, S> {
    run: &'a Run<'a, S>,
    prefixes: &'a [&'a str],
    from: Option<String>,
}

impl<S: Upkeep> Pages<'_, S> {
    /// The next page; nothing after one that failed.
    pub(crate) async fn next(&mut self) -> Option<Result<Vec<Listed>, StoreError>> {
        let (prefix, rest) = self.prefixes.split_first().filter(|_| !self.run.is_over())?;
        let listed = self.run.store.list(prefix, self.from.take()).await;
        self.from = listed.as_ref().ok().and_then(|page| page.next.clone());
        match &listed {
            Ok(_) if self.from.is_some() => {}
            Ok(_) => self.prefixes = rest,
            Err(_) => self.prefixes = &[],
        }
        Some(listed.map(|page| page.entries))
    }
}

fn with_key((item, etag): Candidate) -> (Item, satchel_store::Doomed) {
    let key = item.key.clone();
    (item, satchel_store::Doomed { key, etag })
}

/// What is to be deleted, and why.
pub(crate) fn doomed(listed: Listed, reason: Reason) -> Candidate {
    let Listed { key, size, stored, etag } = listed;
    (Item { key, size, stored, expires: None, reason }, etag)
}

/// Runs once.
///
/// # Errors
/// Only where it cannot begin; all that fails later is counted in the summary.
pub async fn run<S: Upkeep>(state: &State<S>, order: Order, options: Options<'_>) -> Result<Summary, getrandom::Error> {
    let now = state.clock.now();
    let name = fresh_upload_id()?.encode();
    let run = Run {
        store: &state.store,
        now,
        dry_run: order.dry_run,
        is_over: options.is_over,
        stopped: AtomicBool::new(false),
    };
    let report = state.store.report(Key::of_report(now, &name));
    let mut book = Book::new(report, Summary::new(name, order.dry_run, now), options.watch);
    due::delete(&run, &mut book).await;
    let limit = state.config.max_total_bytes;
    let counts = limit.is_some() || options.count_all;
    let unfinished = leftovers::clear(&run, &mut book, counts).await;
    if counts {
        room::make(&run, &mut book, limit, unfinished).await;
    }
    Ok(book.close(!run.is_over()).await)
}

/// Whether enough has failed.
pub(crate) fn is_enough(summary: &Summary) -> bool {
    summary.errors >= MOST_ERRORS
}
