//! What the parts of a run have in common: listing page by page, deleting batch by batch.

use futures_util::{StreamExt, stream::FuturesUnordered};
use satchel_core::time::Timestamp;
use satchel_store::{BATCH, Doomed, Fate, Listed, StoreError, Upkeep};

use crate::{
    book::Book,
    report::{Item, Reason},
    stop::Stop,
};

/// Batches of objects under way at once.
pub(crate) const BATCHES: usize = 4;

/// What all parts of a run share.
pub(crate) struct Run<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) now: Timestamp,
    pub(crate) dry_run: bool,
    pub(crate) stop: Stop<'a>,
}

/// What is to be deleted: what the report says of it, and the ETag that it must have.
pub(crate) type Candidate = (Item, Option<String>);

impl<S: Upkeep> Run<'_, S> {
    /// Whether to begin nothing more.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.is_over()
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
                book.note(&self.stop, outcomes).await;
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

fn with_key((item, etag): Candidate) -> (Item, Doomed) {
    let key = item.key.clone();
    (item, Doomed { key, etag })
}

/// What is to be deleted, and why.
pub(crate) fn doomed(listed: Listed, reason: Reason) -> Candidate {
    let Listed { key, size, stored, etag } = listed;
    (Item { key, size, stored, expires: None, reason }, etag)
}
