//! What interrupted work has left: uploads that were never sealed or never went on, and multipart uploads that nobody
//! completes. The lifecycle rules take them as well, a day later. What is younger is counted, as it takes up room.

use futures_util::{StreamExt, stream};
use satchel_core::{
    expiry::ABANDONED_AFTER,
    object_key::{INCOMING, RESUMING},
    time::Timestamp,
};
use satchel_store::{Fate, Listed, StoreError, Unfinished, Upkeep};

use crate::{
    book::Book,
    report::{Item, Reason, Tally},
    run::{Candidate, Run, doomed},
};

/// Multipart uploads aborted, or asked for their parts, at once.
const ABORTS: usize = 16;

/// Clears it away; gives what there is of uploads that may still go on. That of multipart uploads takes a request for
/// each, made only where `count_parts` asks for it.
pub(crate) async fn clear<S: Upkeep>(run: &Run<'_, S>, book: &mut Book<'_, S>, count_parts: bool) -> Tally {
    let mut young = Tally::default();
    run.delete_chosen(book, &[INCOMING, RESUMING], |page| abandoned(run, page, &mut young)).await;
    if let Err(error) = clear_uploads(run, book, count_parts.then_some(&mut young)).await {
        book.fail(&error);
    }
    young
}

fn abandoned<S: Upkeep>(run: &Run<'_, S>, page: Vec<Listed>, young: &mut Tally) -> Vec<Candidate> {
    let (old, rest): (Vec<_>, Vec<_>) = page.into_iter().partition(|object| is_abandoned(run, object.stored));
    rest.iter().for_each(|object| young.add(object.size));
    old.into_iter().map(|object| doomed(object, Reason::Abandoned)).collect()
}

fn is_abandoned<S: Upkeep>(run: &Run<'_, S>, since: Timestamp) -> bool {
    run.now.since(since) >= ABANDONED_AFTER
}

async fn clear_uploads<S: Upkeep>(
    run: &Run<'_, S>,
    book: &mut Book<'_, S>,
    mut young: Option<&mut Tally>,
) -> Result<(), StoreError> {
    let mut last = None;
    while !run.is_over() {
        let (page, more) = run.store.unfinished(last.as_ref()).await?;
        last = page.last().cloned();
        let (old, rest): (Vec<_>, Vec<_>) = page.into_iter().partition(|upload| is_abandoned(run, upload.begun));
        let aborted = stream::iter(old.into_iter().map(|upload| abort(run, upload))).buffer_unordered(ABORTS);
        book.note(run, aborted.collect().await).await;
        if let Some(young) = young.as_deref_mut() {
            count(run, book, rest, young).await;
        }
        if !more || last.is_none() {
            break;
        }
    }
    Ok(())
}

async fn count<S: Upkeep>(run: &Run<'_, S>, book: &mut Book<'_, S>, uploads: Vec<Unfinished>, young: &mut Tally) {
    let sizes = stream::iter(uploads).map(async |upload| run.store.stored_parts(&upload).await);
    let mut sizes = std::pin::pin!(sizes.buffer_unordered(ABORTS));
    while let Some(size) = sizes.next().await {
        match size {
            Ok(bytes) => young.add(bytes),
            Err(error) => book.fail(&error),
        }
    }
}

async fn abort<S: Upkeep>(run: &Run<'_, S>, upload: Unfinished) -> (Item, Fate) {
    let fate = if run.dry_run {
        Fate::WouldDelete
    } else {
        match run.store.abort_unfinished(&upload).await {
            Ok(true) => Fate::Deleted,
            Ok(false) => Fate::Changed,
            Err(error) => Fate::Failed(error.to_string()),
        }
    };
    (Item { key: upload.key, size: 0, stored: upload.begun, expires: None, reason: Reason::MultipartUpload }, fate)
}
