//! What the disk has changed is noticed: it is an error that names the object, never other bytes, "not found" or a panic.

use std::fs;

use satchel_folder::{Notice, Scrubbed, StoreError};

use crate::support::*;

fn flip(bytes: &mut [u8], at: usize) {
    bytes[at] ^= 0x10;
}

#[tokio::test]
async fn a_file_that_is_removed_shortened_or_changed_is_an_error_that_names_it() {
    type Harm = fn(&mut Vec<u8>);
    let harms: [(&str, Harm); 6] = [
        ("first byte", |bytes| flip(bytes, 0)),
        ("a byte in the middle", |bytes| flip(bytes, LARGE / 2)),
        ("last byte", |bytes| flip(bytes, LARGE - 1)),
        ("shortened", |bytes| bytes.truncate(LARGE / 2)),
        ("without its end", |bytes| bytes.truncate(LARGE)),
        ("emptied", Vec::clear),
    ];
    for (harm, apply) in harms {
        let folder = Folder::new();
        let store = folder.open().await;
        put(&store, "large", &pattern(LARGE)).await.unwrap();
        let file = folder.blobs().remove(0);
        let mut bytes = fs::read(&file).unwrap();
        apply(&mut bytes);
        fs::write(&file, bytes).unwrap();
        for _ in 0..2 {
            let error = get(&store, "large").await.unwrap_err();
            assert!(matches!(&error, StoreError::Damaged { what, .. } if what == "bucket/large"), "{harm}: {error}");
        }
        assert!(
            matches!(&folder.heard()[..], [Notice::Damaged { what, .. }] if what == "bucket/large"),
            "{harm}: once"
        );
        fs::remove_file(&file).unwrap();
        assert!(matches!(get(&store, "large").await, Err(StoreError::Damaged { .. })), "removed");
        assert_eq!(store.health().await.damaged, 1);
        store.delete(at("large"), None).await.unwrap();
        put(&store, "large", b"new").await.unwrap();
    }
}

#[tokio::test]
async fn bytes_that_changed_in_the_index_are_an_error() {
    for column in ["head", "key", "bodies"] {
        let folder = Folder::new();
        let store = folder.open().await;
        put(&store, "small", b"hello, world").await.unwrap();
        store.close().await.unwrap();
        let mut index = fs::read(folder.index()).unwrap();
        let text: &[u8] = match column {
            "head" => b"\"etag\"",
            "key" => b"bucketsmall",
            _ => b"hello, world",
        };
        let found: Vec<usize> =
            index.windows(text.len()).enumerate().filter(|(_, w)| *w == text).map(|(n, _)| n).collect();
        assert!(!found.is_empty(), "{column}");
        found.into_iter().for_each(|at| flip(&mut index, at + text.len() - 1));
        fs::write(folder.index(), index).unwrap();
        let store = folder.open().await;
        match get(&store, "small").await {
            Err(StoreError::Damaged { .. }) => {}
            // A changed key is another key; the row says so to whoever lists it, and a scrub finds it.
            Err(StoreError::Refused(_)) if column == "key" => {
                assert!(keys(&store).is_empty());
            }
            other => panic!("{column}: {other:?}"),
        }
        assert_eq!(store.scrub().await.unwrap(), Scrubbed { sound: 0, bytes: 0, damaged: 1 }, "{column}");
        assert!(matches!(&folder.heard()[..], [Notice::Damaged { .. }]), "{column}");
    }
}

/// Flips single bytes of an index of some hundred objects: whatever comes of it, it is no panic, no wrong bytes, and
/// nothing is moved or removed.
#[tokio::test]
async fn no_flipped_byte_of_the_index_gives_wrong_bytes_or_a_panic() {
    let folder = Folder::new();
    let store = folder.open().await;
    for n in 0..40 {
        put(&store, &format!("key-{n}"), &pattern(n * 100)).await.unwrap();
    }
    put(&store, "large", &pattern(LARGE)).await.unwrap();
    store.close().await.unwrap();
    let whole = fs::read(folder.index()).unwrap();
    let blobs = folder.blobs();
    for n in 0..120 {
        let mut index = whole.clone();
        // The header, and then everywhere.
        let at = if n < 40 { n * 3 } else { n * 7_919 % whole.len() };
        index[at] ^= 1 << (n % 8);
        fs::write(folder.index(), &index).unwrap();
        let json = fs::read(folder.path().join("store.json")).unwrap();
        if let Ok(store) = folder.try_open().await {
            for n in 0..40 {
                if let Ok(bytes) = get(&store, &format!("key-{n}")).await {
                    assert!(bytes == pattern(n * 100), "byte {at}");
                }
            }
            let _ = put(&store, "new", b"new").await;
            let _ = store.scrub().await;
            let _ = store.delete(at_key(n), None).await;
            let _ = store.close().await;
        }
        assert_eq!(folder.blobs(), blobs, "byte {at}");
        for log in ["index.sqlite-wal", "index.sqlite-shm"] {
            let _ = fs::remove_file(folder.path().join(log));
        }
        fs::write(folder.path().join("store.json"), json).unwrap();
    }
}

fn at_key(n: usize) -> satchel_folder::Address {
    at(&format!("key-{n}"))
}

#[tokio::test]
async fn a_scrub_reads_everything_and_finds_what_is_damaged() {
    let folder = Folder::new();
    let store = folder.open().await;
    for n in 0..250 {
        put(&store, &format!("small-{n}"), &pattern(n)).await.unwrap();
    }
    for n in 0..3 {
        put(&store, &format!("large-{n}"), &pattern(LARGE)).await.unwrap();
    }
    let bytes = (0..250).sum::<u64>() + 3 * LARGE as u64;
    assert_eq!(store.scrub().await.unwrap(), Scrubbed { sound: 253, bytes, damaged: 0 });
    let file = folder.blobs().remove(1);
    let mut changed = fs::read(&file).unwrap();
    flip(&mut changed, 100_000);
    fs::write(&file, changed).unwrap();
    let found = store.scrub().await.unwrap();
    assert_eq!((found.sound, found.damaged), (252, 1));
    assert!(matches!(&folder.heard()[..], [Notice::Damaged { what, .. }] if what == "bucket/large-1"));
}
