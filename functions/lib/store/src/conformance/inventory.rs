//! What there is: listed without gaps, deleted where it is still the same; and reports of any length.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use satchel_core::{object_key::Key, time::Timestamp};

use super::{
    differences::Has,
    subjects::{bytes, path, upload},
};
use crate::{BATCH, Body, Creation, Doomed, Fate, Inventory, Listed, Objects, Upkeep};

/// Runs all checks, each on a store that `make` gives: once to look at what there is, and once to store it. Stores may be
/// one and the same: each check has names of its own.
///
/// # Panics
/// The store does not keep to one of them.
pub async fn inventory<S: Inventory, O: Objects>(make: impl AsyncFn() -> (S, O), has: Has) {
    let (store, files) = make().await;
    keys_come_in_the_order_of_their_bytes(&store, &files, has).await;
    let (store, files) = make().await;
    pages_have_no_gaps_and_no_repetitions(&store, &files).await;
    let (store, files) = make().await;
    what_is_looked_at_is_what_was_stored(&store, &files).await;
    let (store, files) = make().await;
    what_is_deleted_is_still_the_same(&store, &files, has).await;
}

/// The same of what interrupted work leaves.
///
/// # Panics
/// The store does not keep to one of them.
pub async fn upkeep<S: Upkeep>(make: impl AsyncFn() -> S) {
    a_report_of_any_length_is_one_object(&make().await).await;
    a_dropped_report_is_not_there(&make().await).await;
}

async fn store_at<O: Objects>(files: &O, at: &str, body: &Bytes) {
    let created = files.create(&upload(at, body, 1), Body::Whole(body.clone())).await.unwrap();
    assert_eq!(created, Creation::Created, "{at}");
}

/// All that begins with a prefix, and how many came with each page.
async fn all<S: Inventory>(store: &S, prefix: &str) -> (Vec<Listed>, Vec<usize>) {
    let (mut entries, mut sizes, mut from) = (Vec::new(), Vec::new(), None);
    loop {
        let page = store.list(prefix, from).await.unwrap();
        sizes.push(page.entries.len());
        entries.extend(page.entries);
        from = page.next;
        if from.is_none() {
            return (entries, sizes);
        }
    }
}

/// Which is not that of UTF-16: there U+FFFD would come behind all that is above U+FFFF.
async fn keys_come_in_the_order_of_their_bytes<S: Inventory, O: Objects>(store: &S, files: &O, has: Has) {
    let mut names = ["a", "a b", "a/b", "b", "Z", "ü", "日本", "\u{fffd}", "🎉", "a+b%&=?#\"'<>", "~"];
    for name in names {
        store_at(files, &format!("order/{name}"), &Bytes::from_static(b"?")).await;
    }
    names.sort_unstable();
    let keys = names.map(|name| format!("uploads/order/{name}"));
    let (mut listed, _) = all(store, "uploads/order/").await;
    if !has.byte_order {
        listed.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    }
    assert_eq!(listed.iter().map(|listed| listed.key.as_str()).collect::<Vec<_>>(), keys);
    let (listed, _) = all(store, "uploads/order/a").await;
    assert_eq!(listed.len(), names.iter().filter(|name| name.starts_with('a')).count());
}

async fn pages_have_no_gaps_and_no_repetitions<S: Inventory, O: Objects>(store: &S, files: &O) {
    for (folder, count) in [("none", 0), ("thousand", BATCH), ("more", 2_500)] {
        let names: Vec<String> = (0..count).map(|number| format!("pages/{folder}/{number:05}")).collect();
        let body = Bytes::from_static(b"?");
        let storing = names.iter().map(|name| store_at(files, name, &body)).collect::<Vec<_>>();
        stream::iter(storing).buffer_unordered(64).collect::<()>().await;
        let (listed, sizes) = all(store, &format!("uploads/pages/{folder}/")).await;
        let keys: Vec<String> = names.iter().map(|name| format!("uploads/{name}")).collect();
        assert_eq!(listed.iter().map(|listed| &listed.key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
        assert!(sizes.iter().all(|size| *size <= BATCH), "{folder}: {sizes:?}");
    }
}

async fn what_is_looked_at_is_what_was_stored<S: Inventory, O: Objects>(store: &S, files: &O) {
    let body = bytes(300, 0);
    let mut upload = upload("looked/grüße 🎉.txt", &body, 7);
    upload.grant.expires = Some(Timestamp::from_seconds(4_000_000_000));
    assert_eq!(files.create(&upload, Body::Whole(body)).await.unwrap(), Creation::Created);
    let key = Key::of_upload(&upload.grant.path);
    let looked = store.look(key.as_str()).await.unwrap().unwrap();
    assert_eq!((looked.listed.key.as_str(), looked.listed.size), (key.as_str(), 300));
    assert_eq!((looked.metadata.upload, looked.metadata.expires), (Some(upload.grant.id), upload.grant.expires));
    let (listed, _) = all(store, "uploads/looked/").await;
    let [listed] = &listed[..] else { panic!("{listed:?}") };
    let unquoted = |listed: &Listed| listed.etag.as_deref().map(|etag| etag.trim_matches('"').to_owned());
    assert_eq!((listed.size, unquoted(listed)), (300, unquoted(&looked.listed)));
    assert!(store.look("uploads/looked/none").await.unwrap().is_none());
}

async fn what_is_deleted_is_still_the_same<S: Inventory, O: Objects>(store: &S, files: &O, has: Has) {
    let (body, other) = (bytes(100, 0), bytes(100, 1));
    for name in ["a", "changed", "kept", "whatever"] {
        store_at(files, &format!("doomed/{name}"), &body).await;
    }
    let (listed, _) = all(store, "uploads/doomed/").await;
    let doomed = |name: &str, etag: Option<String>| Doomed { key: format!("uploads/doomed/{name}"), etag };
    let known = |name: &str| {
        let found = listed.iter().find(|listed| listed.key.ends_with(&format!("/{name}"))).unwrap();
        doomed(name, found.etag.clone())
    };
    let changed = known("changed");
    assert!(files.remove(&path("doomed/changed")).await.unwrap());
    store_at(files, "doomed/changed", &other).await;
    let missing = doomed("missing", changed.etag.clone());
    let batch = [changed, known("a"), missing, doomed("whatever", None)];
    let fates = store.delete(&batch).await.unwrap();
    let expected = [Fate::Changed, Fate::Deleted, Fate::Changed, Fate::Deleted];
    assert_eq!(fates.len(), batch.len());
    let left = if has.conditional_deletions {
        assert_eq!(fates, expected);
        vec!["changed", "kept"]
    } else {
        assert_eq!([&fates[1], &fates[3]], [&Fate::Deleted; 2]);
        vec!["kept"]
    };
    let (listed, _) = all(store, "uploads/doomed/").await;
    let left: Vec<String> = left.into_iter().map(|name| format!("uploads/doomed/{name}")).collect();
    assert_eq!(listed.into_iter().map(|listed| listed.key).collect::<Vec<_>>(), left);
}

async fn a_report_of_any_length_is_one_object<S: Upkeep>(store: &S) {
    for (run, lines) in [("short", 3_usize), ("long", 12 << 10)] {
        let key = Key::of_report(Timestamp::from_seconds(0), run);
        let mut report = store.report(key.clone());
        for line in 0..lines {
            report.add(&format!("{line:01023}"));
            report.flush().await.unwrap();
        }
        assert!(store.look(key.as_str()).await.unwrap().is_none(), "{run}: it is not finished");
        report.finish().await.unwrap();
        assert_eq!(store.look(key.as_str()).await.unwrap().unwrap().listed.size, lines as u64 * 1_024, "{run}");
    }
}

async fn a_dropped_report_is_not_there<S: Upkeep>(store: &S) {
    let key = Key::of_report(Timestamp::from_seconds(0), "dropped");
    let mut report = store.report(key.clone());
    for line in 0..12 << 10 {
        report.add(&format!("{line:01023}"));
        report.flush().await.unwrap();
    }
    drop(report);
    assert!(store.look(key.as_str()).await.unwrap().is_none());
}
