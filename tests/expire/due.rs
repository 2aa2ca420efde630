//! What goes because its time has come, and what that costs.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::support::{
    BUCKET,
    shelf::{DAY, HOUR, NOW, Shelf, entry, tally},
};

#[tokio::test]
async fn a_file_goes_with_the_second_of_its_expiry() {
    let expires = NOW + 10 * HOUR;
    for (name, at, gone) in [("before", expires - 1, false), ("at", expires, true), ("after", expires + 1, true)] {
        let shelf = Shelf::start().await;
        shelf.file("uploads/u/a", b"hello", expires).await;
        shelf.file("uploads/u/later", b"hello", expires + DAY).await;
        let summary = shelf.run(at).await;
        assert_eq!(summary.expired, if gone { tally(1, 5) } else { tally(0, 0) }, "{name}");
        assert!(summary.complete && summary.errors == 0, "{name}: {summary:?}");
        assert_eq!(shelf.keys("uploads/u/a").await.is_empty(), gone, "{name}");
        assert_eq!(shelf.keys("expiry/").await.len(), if gone { 1 } else { 2 }, "{name}");
        assert_eq!(shelf.keys("uploads/u/later").await.len(), 1, "{name}");
        shelf.stop().await;
    }
}

#[tokio::test]
async fn files_of_every_purpose_but_permanent_go() {
    let shelf = Shelf::start().await;
    let keys = ["uploads/u/a", "uploads-profile/u.profile/a", "uploads-ephemeral/u.ephemeral/a"];
    for key in keys {
        shelf.file(key, b"hello", NOW).await;
    }
    let permanent = "uploads-permanent/u.permanent/a";
    shelf.file(permanent, b"hello", NOW).await;
    let summary = shelf.run(NOW + HOUR).await;
    assert_eq!(summary.expired, tally(3, 15));
    assert_eq!(shelf.files().await, [entry(NOW, permanent), permanent.to_owned()]);
    shelf.stop().await;
}

#[tokio::test]
async fn the_work_is_proportional_to_what_is_due() {
    let shelf = Shelf::start().await;
    let expires = |number| if number < 50 { NOW } else { NOW + DAY + number };
    shelf.fill((0..1_200).map(|number| (format!("uploads/u/{number:04}"), expires(number)))).await;
    let before = shelf.requests.by_operation();
    let summary = shelf.run(NOW + HOUR).await;
    assert_eq!(summary.expired, tally(50, 50));
    let spent = |operation: &str| shelf.requests.count(operation) - before.get(operation).copied().unwrap_or_default();
    let counts = ["ListObjectsV2", "HeadObject", "DeleteObjects", "ListMultipartUploads", "PutObject"].map(spent);
    // One page of the index, incoming/, resuming/; a look at each; objects, then entries; the report.
    assert_eq!(counts, [3, 50, 2, 1, 1]);
    assert_eq!(shelf.requests.total() - before.values().sum::<u64>(), 57, "and nothing else");
    shelf.stop().await;
}

#[tokio::test]
async fn entries_that_lie_delete_nothing() {
    let shelf = Shelf::start().await;
    for (key, expires) in [("uploads/u/never", None), ("uploads/u/later", Some(NOW + DAY)), ("uploads/u/due", Some(5))]
    {
        shelf.put(key, b"hello", expires).await;
        shelf.note(NOW, key).await;
    }
    // Another upload was faster and expires later.
    let entry_of_later = shelf.note(NOW + DAY, "uploads/u/later").await;
    shelf.note(NOW, "uploads/u/gone").await;
    shelf.put("expiry/notes.txt", b"of somebody's own", None).await;
    let summary = shelf.run(NOW + HOUR).await;
    assert_eq!((summary.expired, summary.stale_entries), (tally(1, 5), 3), "expired by its own word: due");
    let left = [entry_of_later.as_str(), "expiry/notes.txt", "uploads/u/later", "uploads/u/never"];
    assert_eq!(shelf.files().await, left);
    shelf.stop().await;
}

#[tokio::test]
async fn an_entry_waits_for_an_object_that_may_be_on_its_way() {
    let shelf = Shelf::start().await;
    let entry = shelf.note(NOW - 1, "uploads/u/a").await;
    assert_eq!(shelf.run(NOW + HOUR - 1).await.stale_entries, 0);
    assert_eq!(shelf.keys("expiry/").await, [entry]);
    shelf.put("uploads/u/a", b"hello", Some(NOW - 1)).await;
    assert_eq!(shelf.run(NOW + HOUR).await.expired, tally(1, 5));
    assert_eq!(shelf.files().await, [] as [&str; 0]);
    shelf.stop().await;
}

#[tokio::test]
async fn what_interrupted_work_left_goes_after_a_day() {
    let shelf = Shelf::start().await;
    let kept = ["uploads/u/a", "rosters/romeo", "ledger/a", "elsewhere"];
    for key in kept {
        shelf.put(key, b"hello", None).await;
    }
    let begin = || shelf.client.create_multipart_upload().bucket(BUCKET).key("uploads/u/m").send();
    for (stored, name) in [(NOW, "old"), (NOW + 1, "young")] {
        shelf.set_clock(stored);
        shelf.put(&format!("incoming/u/{name}"), b"hello", None).await;
        shelf.put(&format!("resuming/{name}"), b"hello", None).await;
        begin().await.unwrap();
    }
    assert_eq!(shelf.run(NOW + DAY - 1).await.abandoned, tally(0, 0), "the second before");
    let summary = shelf.run(NOW + DAY).await;
    assert_eq!((summary.abandoned, summary.multipart_uploads), (tally(2, 10), 1), "at the second");
    assert_eq!((summary.oldest, summary.expired), (None, tally(0, 0)), "these are no files");
    let left = ["elsewhere", "incoming/u/young", "ledger/a", "resuming/young", "rosters/romeo", "uploads/u/a"];
    assert_eq!(shelf.files().await, left);
    let uploads = shelf.client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(uploads.uploads().len(), 1);
    let summary = shelf.run(NOW + DAY + 1).await;
    assert_eq!((summary.abandoned, summary.multipart_uploads), (tally(2, 10), 1), "the second after");
    shelf.stop().await;
}

#[tokio::test]
async fn more_unfinished_uploads_than_a_page_are_aborted() {
    let shelf = Shelf::start().await;
    let begun = (0..1_005).map(|number| {
        let begun = shelf.client.create_multipart_upload().bucket(BUCKET).key(format!("k{}", number % 7));
        begun.send()
    });
    stream::iter(begun).buffer_unordered(32).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(shelf.run(NOW + DAY).await.multipart_uploads, 1_005);
    let left = shelf.client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert!(left.uploads().is_empty());
    shelf.stop().await;
}
