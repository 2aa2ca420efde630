//! What interrupted work has left: uploads that were never sealed or never went on, and multipart uploads that nobody
//! completes. The lifecycle rules take them as well, a day later.

use futures_util::{StreamExt, stream};
use satchel_aws::storage::{
    StorageError,
    bulk::{Listed, Unfinished},
};
use satchel_core::{
    expiry::{
        ABANDONED_AFTER,
        report::{Fate, Item, Reason},
    },
    object_key::{INCOMING, RESUMING},
    time::Timestamp,
};

use crate::{
    book::Book,
    run::{Doomed, Run, doomed},
};

/// Multipart uploads aborted at once.
const ABORTS: usize = 16;

/// Clears it away.
pub(crate) async fn clear(run: &Run<'_>, book: &mut Book<'_>) {
    run.delete_chosen(book, &[INCOMING, RESUMING], |page| abandoned(run, page)).await;
    if let Err(error) = clear_uploads(run, book).await {
        book.fail(&error);
    }
}

fn abandoned(run: &Run<'_>, page: Vec<Listed>) -> Vec<Doomed> {
    let old = page.into_iter().filter(|object| is_abandoned(run, object.stored));
    old.map(|object| doomed(object, Reason::Abandoned)).collect()
}

fn is_abandoned(run: &Run<'_>, since: Timestamp) -> bool {
    run.now.since(since) >= ABANDONED_AFTER
}

async fn clear_uploads(run: &Run<'_>, book: &mut Book<'_>) -> Result<(), StorageError> {
    let mut last = None;
    while !run.is_over() {
        let (page, more) = run.storage.unfinished(last.as_ref()).await?;
        last = page.last().cloned();
        let old = page.into_iter().filter(|upload| is_abandoned(run, upload.begun));
        let aborted = stream::iter(old.map(|upload| abort(run, upload))).buffer_unordered(ABORTS);
        book.note(run, aborted.collect().await).await;
        if !more || last.is_none() {
            break;
        }
    }
    Ok(())
}

async fn abort(run: &Run<'_>, upload: Unfinished) -> (Item, Fate) {
    let fate = if run.dry_run {
        Fate::WouldDelete
    } else {
        match run.storage.abort_unfinished(&upload).await {
            Ok(true) => Fate::Deleted,
            Ok(false) => Fate::Changed,
            Err(error) => Fate::Failed(error.to_string()),
        }
    };
    (Item { key: upload.key, size: 0, stored: upload.begun, expires: None, reason: Reason::MultipartUpload }, fate)
}
