//! A disk that is full, fails or goes away: nothing is acknowledged that is not stored, and work goes on once it can.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use satchel_folder::{Notice, Store, StoreError, StoreOptions, Trouble};

use crate::simulated::{Fate, Simulated};

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
