//! Files that the index does not name are moved aside, kept for days, and never deleted at once.

use std::sync::atomic::Ordering;

use satchel_folder::Notice;

use crate::support::*;

/// Waits for what the background has to say.
async fn heard_when_done(folder: &Folder) -> Vec<Notice> {
    loop {
        let heard = folder.heard();
        if !heard.is_empty() {
            return heard;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_a_killed_process_left_is_put_aside_and_kept_for_14_days() {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "kept", &pattern(LARGE)).await.unwrap();
    let (under_way, ()) = store.receive(body(), LARGE as u64, ()).await.unwrap();
    let folder = folder.killed();
    drop(under_way);
    store.close().await.unwrap();
    assert_eq!(folder.blobs().len(), 2);

    let store = folder.open().await;
    let heard = heard_when_done(&folder).await;
    assert_eq!(heard, [Notice::Quarantined { files: 1, folder: "quarantine/2026-11-26".into() }]);
    assert_eq!((folder.blobs().len(), folder.aside().len()), (1, 1));
    assert_eq!(get(&store, "kept").await.unwrap(), pattern(LARGE));

    let day = 86_400_000;
    folder.clock.fetch_add(14 * day, Ordering::SeqCst);
    store.tidy().await.unwrap();
    assert_eq!(folder.aside().len(), 1, "on the fourteenth day it is there");
    folder.clock.fetch_add(day, Ordering::SeqCst);
    store.tidy().await.unwrap();
    assert!(folder.aside().is_empty());
    assert_eq!(folder.heard(), [Notice::QuarantineEmptied { files: 1 }]);
}

#[tokio::test]
async fn what_could_not_be_put_aside_is_put_aside_next_time() {
    let folder = Folder::new();
    let store = folder.open().await;
    let (under_way, ()) = store.receive(body(), LARGE as u64, ()).await.unwrap();
    let folder = folder.killed();
    drop(under_way);
    store.close().await.unwrap();

    let in_the_way = folder.path().join("quarantine");
    std::fs::write(&in_the_way, b"no folder").unwrap();
    let store = folder.open().await;
    let heard = heard_when_done(&folder).await;
    assert!(matches!(&heard[..], [Notice::Trouble { .. }, ..]), "{heard:?}");
    store.close().await.unwrap();
    std::fs::remove_file(in_the_way).unwrap();
    folder.heard();

    let store = folder.open().await;
    let heard = heard_when_done(&folder).await;
    assert!(matches!(&heard[..], [Notice::Quarantined { files: 1, .. }]), "{heard:?}");
    store.close().await.unwrap();
    assert_eq!((folder.blobs().len(), folder.aside().len()), (0, 1));
}

fn body() -> impl futures_util::Stream<Item = Result<bytes::Bytes, satchel_folder::StoreError>> + Unpin {
    futures_util::stream::iter([Ok(pattern(LARGE).into())])
}

#[tokio::test]
async fn an_index_that_has_forgotten_files_does_not_destroy_them() {
    let folder = Folder::new();
    let store = folder.open().await;
    for n in 0..5 {
        put(&store, &n.to_string(), &pattern(LARGE)).await.unwrap();
    }
    let folder = folder.killed();
    drop(store);
    let index = rusqlite::Connection::open(folder.index()).unwrap();
    index.execute("DELETE FROM objects WHERE key < '4'", []).unwrap();
    drop(index);
    let log = folder.path().join("index.sqlite-wal");
    if std::fs::metadata(&log).is_err() {
        // The shell has taken the log into the index; what a crash leaves has one.
        std::fs::write(&log, b"not a log, so it is ignored").unwrap();
    }
    let store = folder.open().await;
    assert!(matches!(&heard_when_done(&folder).await[..], [Notice::Quarantined { files: 4, .. }]));
    assert_eq!((folder.blobs().len(), folder.aside().len()), (1, 4));
    assert_eq!(get(&store, "4").await.unwrap(), pattern(LARGE));
}

#[tokio::test]
async fn after_an_end_in_order_nothing_is_looked_for() {
    let folder = Folder::new();
    folder.open().await.close().await.unwrap();
    std::fs::create_dir_all(folder.path().join("blobs/00000001-0")).unwrap();
    let stray = folder.path().join("blobs/00000001-0/000000010000000000000009");
    std::fs::write(&stray, b"stray").unwrap();
    let store = folder.open().await;
    put(&store, "k", &pattern(LARGE)).await.unwrap();
    store.close().await.unwrap();
    assert!(stray.exists());
    assert_eq!(folder.heard(), []);
}

#[tokio::test]
async fn foreign_files_are_left_alone() {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "k", &pattern(LARGE)).await.unwrap();
    let (under_way, ()) = store.receive(body(), LARGE as u64, ()).await.unwrap();
    let folder = folder.killed();
    drop((under_way, store));
    let foreign = ["notes.txt", "lost+found", "0000000100000000000000zz"];
    for name in foreign {
        std::fs::write(folder.path().join("blobs/00000001-0").join(name), b"mine").unwrap();
    }
    let _store = folder.open().await;
    let heard = heard_when_done(&folder).await;
    assert!(matches!(&heard[..], [Notice::Quarantined { files: 1, .. }]), "{heard:?}");
    assert!(foreign.iter().all(|name| folder.path().join("blobs/00000001-0").join(name).exists()));
}

#[tokio::test]
async fn after_a_lost_log_nothing_is_moved_until_a_repair() {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "first", &pattern(LARGE)).await.unwrap();
    store.close().await.unwrap();
    let store = folder.open().await;
    put(&store, "large", &pattern(LARGE)).await.unwrap();
    let folder = folder.killed();
    drop(store);
    std::fs::remove_file(folder.path().join("index.sqlite-wal")).unwrap();
    let _ = std::fs::remove_file(folder.path().join("index.sqlite-shm"));
    let mut folder = folder;
    for _ in 0..2 {
        let Ok(store) = folder.try_open().await else { break };
        store.settle().await;
        folder = folder.killed();
        drop(store);
    }
    assert_eq!((folder.blobs().len(), folder.aside().len()), (2, 0));
    satchel_folder::rebuild(&folder.path()).await.unwrap();
    let store = folder.open().await;
    assert!(get(&store, "large").await.unwrap() == pattern(LARGE));
}

#[tokio::test]
async fn what_somebody_keeps_in_the_quarantine_stays() {
    let folder = Folder::new();
    let store = folder.open().await;
    let own = folder.path().join("quarantine/0-mine");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("notes"), b"mine").unwrap();
    store.tidy().await.unwrap();
    assert!(own.join("notes").exists());
}
