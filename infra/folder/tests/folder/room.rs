//! A disk that is full, fails or goes away: nothing is acknowledged that is not stored, and work goes on once it can.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use satchel_folder::{Notice, Store, StoreError, StoreOptions, Trouble};

use crate::memory::Fate;
use crate::simulated::Simulated;

use crate::support::*;

#[tokio::test]
async fn uploads_that_would_leave_less_than_the_floor_are_refused_early() {
    let folder = Folder::new();
    let options = StoreOptions { floor: u64::MAX / 2, ..folder.options() };
    let store = Store::open_with(&folder.path(), options).await.unwrap();
    store.create_bucket(BUCKET).await.unwrap();
    let refused = put(&store, "k", b"x").await.unwrap_err();
    assert!(refused.is_full(), "{refused}");
    assert!(matches!(store.health().await.trouble, Some((Trouble::Full, _))));
    store.delete(at("k"), None).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_removed_is_never_written_to() {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "k", b"x").await.unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    for size in [0, 1, LARGE] {
        assert!(put(&store, "new", &pattern(size)).await.is_err(), "{size}");
    }
    let health = store.health().await;
    assert!(matches!(health.trouble, Some((Trouble::FolderGone, _))), "{health:?}");
}

#[tokio::test]
async fn a_folder_that_is_moved_away_and_back_works_again() {
    let folder = Folder::new();
    let store = folder.open().await;
    let elsewhere = folder.path().with_extension("elsewhere");
    std::fs::rename(folder.path(), &elsewhere).unwrap();
    assert!(matches!(put(&store, "k", b"x").await, Err(StoreError::FolderGone | StoreError::Io(_))));
    std::fs::rename(&elsewhere, folder.path()).unwrap();
    put(&store, "k", b"x").await.unwrap();
    put(&store, "large", &pattern(LARGE)).await.unwrap();
    assert_eq!(store.health().await.trouble, None);
}

#[tokio::test]
async fn a_disk_that_takes_no_writes_is_one_notice_and_works_again_without_a_restart() {
    let kinds = [
        (ErrorKind::StorageFull, Trouble::Full),
        (ErrorKind::ReadOnlyFilesystem, Trouble::ReadOnly),
        (ErrorKind::Other, Trouble::Failing),
    ];
    for (kind, trouble) in kinds {
        let folder = Folder::new();
        let index = tempfile::tempdir().unwrap();
        let disk = Arc::new(Simulated::new(index.path().join("index.sqlite"), 1, Fate::Well));
        let store =
            Store::open_on(Arc::clone(&disk) as Arc<_>, Path::new("simulated"), folder.options()).await.unwrap();
        store.create_bucket(BUCKET).await.unwrap();
        put(&store, "small", b"hello").await.unwrap();
        put(&store, "large", &pattern(LARGE)).await.unwrap();

        disk.turn(Fate::Fails(kind));
        for size in [LARGE, LARGE] {
            assert!(put(&store, "new", &pattern(size)).await.is_err(), "{kind}");
        }
        assert_eq!(store.health().await.trouble.map(|(trouble, _)| trouble), Some(trouble), "{kind}");
        assert!(matches!(&folder.heard()[..], [Notice::Trouble { trouble: said, .. }] if *said == trouble), "{kind}");
        assert_eq!(get(&store, "small").await.unwrap(), b"hello");
        assert!(get(&store, "large").await.unwrap() == pattern(LARGE));

        disk.turn(Fate::Well);
        put(&store, "new", &pattern(LARGE)).await.unwrap();
        assert_eq!(store.health().await.trouble, None, "{kind}");
        assert_eq!(folder.heard(), [Notice::Recovered], "{kind}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_once_and_its_end_once_whatever_else_is_done() {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "k", b"x").await.unwrap();
    store.close().await.unwrap();
    let full = StoreOptions { floor: u64::MAX / 2, ..folder.options() };
    let store = Store::open_with(&folder.path(), full).await.unwrap();
    for _ in 0..3 {
        assert!(put(&store, "new", b"x").await.unwrap_err().is_full());
        store.delete(at("nothing"), None).await.unwrap();
        store.health().await;
    }
    assert!(matches!(&folder.heard()[..], [Notice::Trouble { trouble: Trouble::Full, .. }]));
}

#[tokio::test]
async fn an_upload_that_is_too_large_for_the_disk_says_nothing_about_it() {
    let folder = Folder::new();
    let store = folder.open().await;
    let body = futures_util::stream::pending::<Result<bytes::Bytes, StoreError>>();
    let refused = store.receive(Box::pin(body), u64::MAX / 2, ()).await.unwrap_err();
    assert!(refused.is_full(), "{refused}");
    assert_eq!((folder.heard(), store.health().await.trouble), (Vec::new(), None));
}

#[tokio::test]
async fn uploads_are_not_promised_the_same_room_twice() {
    let folder = Folder::new();
    let store = folder.open().await;
    let free = store.health().await.free.unwrap();
    let half = free / 10 * 6;
    let under_way = {
        let store = store.clone();
        let body = futures_util::stream::pending::<Result<bytes::Bytes, StoreError>>();
        tokio::spawn(async move { store.receive(Box::pin(body), half, ()).await.map(drop) })
    };
    // It is let in with its first step.
    let refused = loop {
        tokio::task::yield_now().await;
        let second = store.receive(stalling(1), half, ());
        if let Ok(done) = tokio::time::timeout(std::time::Duration::ZERO, second).await {
            break done.unwrap_err();
        }
    };
    assert!(refused.is_full(), "{refused}");
    under_way.abort();
    let _ = under_way.await;
    let third = tokio::time::timeout(std::time::Duration::ZERO, store.receive(stalling(1), half, ()));
    assert!(third.await.is_err(), "what was promised to one that is gone is free again");
}
