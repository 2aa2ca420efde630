//! What is past its own expiry, found through the index: entries in the order of time, up to now.
//!
//! The index is the run's own place mark: an entry goes after its object, so whatever stops a run, the next one finds
//! the rest. Before an object is deleted it is asked for its own expiry, as entries may lie, and it is deleted on the
//! condition that it is still the same.

use std::collections::HashSet;

use futures_util::{
    StreamExt,
    stream::{self, FuturesUnordered},
};
use satchel_core::{
    expiry::{Entry, PREFIX},
    object_key::Key,
};
use satchel_store::{Fate, Listed, Looked, Page, StoreError, Upkeep};

use crate::{
    book::Book,
    report::{Item, Reason},
    run::{BATCHES, Candidate, Run, doomed},
    verdict::{Verdict, judge},
};

/// Objects of one page looked at at once.
const LOOKS: usize = 16;

/// An entry that has come due, as it was listed.
type Due = (Entry, Listed);

/// Deletes what the index says is due.
pub(crate) async fn delete<S: Upkeep>(run: &Run<'_, S>, book: &mut Book<'_, S>) {
    let (mut index, mut under_way) = (Index::Start, FuturesUnordered::new());
    loop {
        if under_way.len() < BATCHES
            && let Some(page) = index.next(run).await
        {
            match page {
                Ok(page) => under_way.push(settle(run, page)),
                Err(error) => book.fail(&error),
            }
        } else {
            let Some(outcomes) = under_way.next().await else { break };
            book.note(run, outcomes).await;
        }
    }
}

/// How far the index has been read.
enum Index {
    Start,
    From(String),
    End,
}

impl Index {
    /// The due entries of the next page. The first one that is not due ends it.
    async fn next<S: Upkeep>(&mut self, run: &Run<'_, S>) -> Option<Result<Vec<Due>, StoreError>> {
        let from = match std::mem::replace(self, Self::End) {
            _ if run.is_over() => return None,
            Self::Start => None,
            Self::From(from) => Some(from),
            Self::End => return None,
        };
        let Page { entries, next } = match run.store.list(PREFIX, from).await {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        // What is no entry is none of ours, and left alone.
        let entry = |listed: Listed| Some((Entry::parse(&listed.key)?, listed));
        let mut entries: Vec<Due> = entries.into_iter().filter_map(entry).collect();
        let due = entries.partition_point(|(entry, _)| entry.expires().is_reached(run.now));
        if let Some(next) = next.filter(|_| due == entries.len()) {
            *self = Self::From(next);
        }
        entries.truncate(due);
        Some(Ok(entries))
    }
}

/// Looks at the objects of one page, deletes those that are due, then their entries and those that lie.
async fn settle<S: Upkeep>(run: &Run<'_, S>, page: Vec<Due>) -> Vec<(Item, Fate)> {
    let looks = stream::iter(page.into_iter().map(|due| look(run, due))).buffer_unordered(LOOKS);
    let looked: Vec<Option<Judged>> = looks.collect().await;
    let (mut objects, mut entries, mut stale, mut outcomes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut named = HashSet::new();
    for judged in looked.into_iter().flatten() {
        match judged {
            Judged::Delete(object, entry) if named.insert(object.0.key.clone()) => {
                objects.push(object);
                entries.push(entry);
            }
            // A second entry for the same object.
            Judged::Delete(_, entry) => stale.push(entry),
            Judged::Stale(entry) => stale.push(entry),
            Judged::Failed(item, error) => outcomes.push((item, Fate::Failed(error.to_string()))),
        }
    }
    let deleted = run.delete(objects).await;
    let done = deleted.iter().zip(entries).filter(|((_, fate), _)| *fate == Fate::Deleted);
    let done: Vec<Candidate> = done.map(|(_, entry)| entry).collect();
    outcomes.extend(deleted);
    // An entry whose object is gone is not worth a line, unless it stays.
    outcomes.extend(run.delete(done).await.into_iter().filter(|(_, fate)| matches!(fate, Fate::Failed(_))));
    outcomes.extend(run.delete(stale).await);
    outcomes
}

enum Judged {
    /// The object goes, then its entry.
    Delete(Candidate, Candidate),
    /// The entry goes.
    Stale(Candidate),
    /// S3 did not let it be looked at.
    Failed(Item, StoreError),
}

/// `None` where there is nothing to do for now.
async fn look<S: Upkeep>(run: &Run<'_, S>, (entry, listed): Due) -> Option<Judged> {
    if run.is_over() {
        return None;
    }
    let key = Key::of_upload(entry.path());
    let looked = match run.store.look(key.as_str()).await {
        Ok(looked) => looked,
        Err(error) => return Some(Judged::Failed(doomed(listed, Reason::StaleEntry).0, error)),
    };
    match judge(looked.as_ref().map(|looked| &looked.metadata), listed.stored, run.now) {
        Verdict::Delete => Some(Judged::Delete(expired(looked?), doomed(listed, Reason::StaleEntry))),
        Verdict::Stale => Some(Judged::Stale(doomed(listed, Reason::StaleEntry))),
        Verdict::Wait => None,
    }
}

fn expired(looked: Looked) -> Candidate {
    let (item, etag) = doomed(looked.listed, Reason::Expired);
    (Item { expires: looked.metadata.expires, ..item }, etag)
}
