//! Random worlds: whatever is stored and whatever the index says, exactly what is due or has no room goes.

use std::collections::BTreeSet;

use proptest::{prelude::*, test_runner::TestRunner};

use crate::support::shelf::{DAY, NOW, Shelf, entry};

/// One file, and what the index says of it.
#[derive(Debug, Clone)]
struct File {
    key: String,
    size: usize,
    stored: u64,
    expires: Option<u64>,
    entries: Vec<u64>,
}

/// When the run is.
const RUN: u64 = NOW + DAY;

fn moment() -> impl Strategy<Value = u64> {
    prop_oneof![Just(RUN - 1), Just(RUN), Just(RUN + 1), NOW..NOW + 2 * DAY]
}

fn file() -> impl Strategy<Value = File> {
    let kind = prop::sample::select(vec!["", ".profile", ".ephemeral", ".permanent"]);
    let truthful = prop::bool::weighted(0.7);
    let parts = (kind, 0..6_u8, 0..40_usize, NOW..RUN, prop::option::of(moment()), truthful);
    (parts, prop::collection::vec(moment(), 0..2)).prop_map(|((kind, name, size, stored, expires, truthful), lies)| {
        let prefix = if kind.is_empty() { "uploads".to_owned() } else { format!("uploads-{}", &kind[1..]) };
        let entries = expires.filter(|_| truthful).into_iter().chain(lies).collect();
        File { key: format!("{prefix}/u{kind}/{name}"), size, stored, expires, entries }
    })
}

fn world() -> impl Strategy<Value = (Vec<File>, Option<u64>)> {
    let files = prop::collection::btree_map("[a-z]{3}", file(), 0..14).prop_map(|named| {
        let named = named.into_iter().map(|(name, file)| File { key: format!("{}{name}", file.key), ..file });
        named.collect()
    });
    (files, prop::option::of(1..300_u64))
}

fn is_permanent(file: &File) -> bool {
    file.key.starts_with("uploads-permanent/")
}

/// The keys that must be left.
fn expected(files: &[File], limit: Option<u64>) -> BTreeSet<String> {
    let found = |file: &File| file.entries.iter().any(|at| *at <= RUN);
    let due = |file: &&File| !is_permanent(file) && found(file) && file.expires.is_some_and(|at| at <= RUN);
    let mut left: Vec<&File> = files.iter().filter(|file| !due(file)).collect();
    // Permanent files first, as they stay; then from the newest to the oldest.
    let purpose = |file: &File| {
        ["uploads-ephemeral/", "uploads-profile/", "uploads/"].iter().position(|it| file.key.starts_with(it))
    };
    left.sort_by_key(|file| (!is_permanent(file), std::cmp::Reverse(file.stored), purpose(file), file.key.clone()));
    let (mut room, mut full) = (limit.unwrap_or(u64::MAX), false);
    left.retain(|file| {
        if is_permanent(file) {
            room = room.saturating_sub(file.size as u64);
            return true;
        }
        full = full || file.size as u64 > room;
        room = room.saturating_sub(file.size as u64);
        !full
    });
    left.into_iter().map(|file| file.key.clone()).collect()
}

#[test]
fn in_any_world_permanent_and_not_due_files_are_untouched() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() });
    let checked = runner.run(&world(), |(files, limit)| {
        runtime.block_on(check(&files, limit));
        Ok(())
    });
    checked.unwrap();
}

async fn check(files: &[File], limit: Option<u64>) {
    let shelf = Shelf::start().await;
    for file in files {
        shelf.set_clock(file.stored);
        shelf.put(&file.key, &vec![0; file.size], file.expires).await;
        shelf.set_clock(NOW);
        for at in &file.entries {
            shelf.note(*at, &file.key).await;
        }
    }
    shelf.set_clock(RUN);
    let dry = shelf.run_within(limit.unwrap_or(u64::MAX), true).await;
    let summary = shelf.run_within(limit.unwrap_or(u64::MAX), false).await;
    let left: BTreeSet<String> = shelf.keys("uploads").await.into_iter().collect();
    assert_eq!(left, expected(files, limit), "{files:?} {limit:?}");
    assert_eq!((dry.expired, dry.over_limit, dry.left), (summary.expired, summary.over_limit, summary.left));
    assert_eq!(summary.errors, 0);
    // Whatever is left and expires later can still be found.
    let entries = shelf.keys("expiry/").await;
    for file in files.iter().filter(|file| left.contains(&file.key)) {
        for at in file.entries.iter().filter(|at| **at > RUN) {
            assert!(entries.contains(&entry(*at, &file.key)), "{file:?}");
        }
    }
    shelf.stop().await;
}
