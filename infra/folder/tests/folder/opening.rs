//! What a folder must be like to be opened: nothing is begun anew beside files, and nothing is opened over the wrong index.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use satchel_folder::{Notice, OpenError, Store};

use crate::support::*;

/// A folder that held a small and a large object, closed in order.
async fn filled() -> Folder {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "small", b"hello").await.unwrap();
    put(&store, "large", &pattern(LARGE)).await.unwrap();
    store.close().await.unwrap();
    folder
}

/// Everything in the folder but for SQLite's and the lock's own files.
fn contents(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let named = ["store.json", "index.sqlite"].map(|name| folder.path().join(name));
    let files = named.into_iter().filter(|file| file.exists()).chain(folder.blobs());
    files.map(|file| (file.display().to_string(), fs::read(file).unwrap())).collect()
}

#[tokio::test]
async fn an_index_that_is_gone_or_empty_is_never_begun_anew() {
    type Harm = fn(&Folder);
    let harms: [(&str, Harm); 5] = [
        ("removed", |folder| fs::remove_file(folder.index()).unwrap()),
        ("emptied", |folder| fs::write(folder.index(), b"").unwrap()),
        ("removed with store.json", |folder| {
            fs::remove_file(folder.index()).unwrap();
            fs::remove_file(folder.path().join("store.json")).unwrap();
        }),
        ("emptied, without store.json", |folder| {
            fs::write(folder.index(), b"").unwrap();
            fs::remove_file(folder.path().join("store.json")).unwrap();
        }),
        ("replaced by an empty database", |folder| {
            fs::remove_file(folder.index()).unwrap();
            rusqlite::Connection::open(folder.index())
                .unwrap()
                .execute_batch("PRAGMA user_version = 0; VACUUM")
                .unwrap();
        }),
    ];
    for (harm, apply) in harms {
        let folder = filled().await;
        apply(&folder);
        let before = contents(&folder);
        for _ in 0..2 {
            let error = folder.try_open().await.unwrap_err();
            assert!(matches!(error, OpenError::IndexGone(_)), "{harm}: {error}");
            assert!(error.to_string().contains("satchel repair"), "{error}");
        }
        assert!(contents(&folder) == before, "{harm}: nothing is changed");
    }
}

/// A process that is killed while it makes its index leaves a rollback journal, and what it had written is taken back.
#[tokio::test]
async fn a_first_start_that_was_killed_while_it_made_its_index_is_begun_again() {
    for (what, before, folder_is_new) in
        [("the first page", "", true), ("an index", "CREATE TABLE first (a); INSERT INTO first VALUES (1);", false)]
    {
        let folder = Folder::new();
        let elsewhere = tempfile::tempdir().unwrap();
        let file = elsewhere.path().join("index.sqlite");
        let killed = rusqlite::Connection::open(&file).unwrap();
        killed.execute_batch(&format!("{before} PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN")).unwrap();
        killed.execute_batch("CREATE TABLE filled (a); INSERT INTO filled VALUES (zeroblob(100000))").unwrap();
        fs::create_dir(folder.path()).unwrap();
        for name in ["index.sqlite", "index.sqlite-journal"] {
            fs::copy(elsewhere.path().join(name), folder.path().join(name)).unwrap();
        }
        assert!(fs::metadata(folder.index()).unwrap().len() > 0, "{what}: it was written before the commit");

        match folder.try_open().await {
            Ok(store) => {
                assert!(folder_is_new, "{what}");
                store.create_bucket(BUCKET).await.unwrap();
                put(&store, "key", b"hello").await.unwrap();
                store.close().await.unwrap();
            }
            Err(error) => {
                assert!(!folder_is_new && error.to_string().contains("another program's database"), "{what}: {error}");
                let taken_back = rusqlite::Connection::open(folder.index()).unwrap();
                let rows = taken_back.query_row("SELECT count(*) FROM first", [], |row| row.get::<_, u32>(0));
                assert_eq!(rows, Ok(1), "{what}: what was committed is whole");
            }
        }
    }
}

#[tokio::test]
async fn an_index_of_another_folder_or_an_older_copy_is_not_used() {
    let folder = filled().await;
    let old = fs::read(folder.index()).unwrap();
    folder.open().await.close().await.unwrap();
    fs::write(folder.index(), old).unwrap();
    let error = folder.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::IndexForeign { .. }) && error.to_string().contains("an older copy"), "{error}");

    let other = filled().await;
    fs::copy(other.index(), folder.index()).unwrap();
    let error = folder.try_open().await.unwrap_err();
    assert!(error.to_string().contains("belongs to another folder"), "{error}");

    fs::remove_file(folder.index()).unwrap();
    rusqlite::Connection::open(folder.index()).unwrap().execute_batch("CREATE TABLE mine (a)").unwrap();
    let error = folder.try_open().await.unwrap_err();
    assert!(error.to_string().contains("another program's database"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_said_to_be_damaged() {
    let folder = filled().await;
    fs::write(folder.index(), vec![b'x'; 8192]).unwrap();
    let error = folder.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::IndexDamaged { .. }), "{error}");
    assert!(!error.to_string().contains('\n') && error.to_string().contains("satchel repair"), "{error}");
}

#[tokio::test]
async fn an_index_from_before_the_first_release_is_refused() {
    let folder = Folder::new();
    fs::create_dir(folder.path()).unwrap();
    fs::write(folder.path().join("index.redb"), b"redb").unwrap();
    let error = folder.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::Redb(_)), "{error}");
    assert_eq!(fs::read(folder.path().join("index.redb")).unwrap(), b"redb");
}

#[tokio::test]
async fn a_lost_store_json_is_made_again_and_said() {
    let folder = filled().await;
    for text in [None, Some("not JSON")] {
        match text {
            None => fs::remove_file(folder.path().join("store.json")).unwrap(),
            Some(text) => fs::write(folder.path().join("store.json"), text).unwrap(),
        }
        let store = folder.open().await;
        assert_eq!(folder.heard(), [Notice::IdentityGone]);
        assert_eq!(get(&store, "large").await.unwrap(), pattern(LARGE));
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let folder = filled().await;
    let path = folder.path().join("store.json");
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("\"format\":2", "\"format\":3")).unwrap();
    let error = folder.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::UnknownFormat { found: 3, supported: 2, .. }), "{error}");
}

#[tokio::test]
async fn a_killed_store_opens_with_all_that_was_acknowledged() {
    let folder = Folder::new();
    let store = folder.open().await;
    for n in 0..50 {
        put(&store, &n.to_string(), &pattern(n * 2_000)).await.unwrap();
    }
    let folder = folder.killed();
    drop(store);
    let store = folder.open().await;
    for n in 0..50 {
        assert!(get(&store, &n.to_string()).await.unwrap() == pattern(n * 2_000), "{n}");
    }
}

#[tokio::test]
async fn a_write_ahead_log_that_was_removed_after_a_crash_is_noticed() {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "large", &pattern(LARGE)).await.unwrap();
    let folder = folder.killed();
    drop(store);
    fs::remove_file(folder.path().join("index.sqlite-wal")).unwrap();
    match folder.try_open().await {
        // The log held all there was: the index is an empty file without it.
        Err(error) => assert!(matches!(error, OpenError::IndexGone(_) | OpenError::IndexForeign { .. }), "{error}"),
        Ok(_) => assert_eq!(folder.heard(), [Notice::LogGone]),
    }
    assert_eq!(folder.blobs().len(), 1, "no file is moved on the word of such an index");
}

#[tokio::test]
async fn a_folder_that_others_could_read_is_closed_to_them() {
    let folder = filled().await;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder.open().await.close().await.unwrap();
    assert_eq!(folder.heard(), [Notice::FolderWasOpen]);
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(folder.blobs().iter().all(|file| fs::metadata(file).unwrap().permissions().mode() & 0o077 == 0));
}

#[tokio::test]
async fn blob_names_are_never_used_twice() {
    let folder = Folder::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let store = folder.open().await;
        for n in 0..3 {
            put(&store, &format!("{n}"), &pattern(LARGE)).await.unwrap();
        }
        let names: Vec<_> = folder.blobs().iter().map(|file| file.file_name().unwrap().to_owned()).collect();
        store.close().await.unwrap();
        assert!(folder.blobs().iter().all(|file| seen.insert(file.file_name().unwrap().to_owned())), "{names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_folder_in_use_is_named_in_the_error() {
    let folder = filled().await;
    let _first = Store::open(&folder.path()).await.unwrap();
    // The clock is paused, so the five seconds of waiting pass at once.
    let error = Store::open(&folder.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)));
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
}
