//! A lost or damaged index is made again from what the files say of themselves.

use std::fs;

use satchel_folder::{Described, NamedPart, UploadAddress, WriteCondition, rebuild};

use crate::support::*;

const MIN: usize = 5 << 20;

async fn part(store: &satchel_folder::Store, at: &UploadAddress, number: u32, bytes: Vec<u8>) -> NamedPart {
    let length = bytes.len() as u64;
    let body = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes.into())]);
    let (body, ()) = store.receive(body, length, ()).await.unwrap();
    let etag = format!("part-{number}");
    store.put_part(at.clone(), number, Described { etag: etag.clone(), ..Described::default() }, body).await.unwrap();
    NamedPart { number, etag }
}

/// A small object, a large one with metadata, a copy of it, one of parts, and an unfinished upload.
async fn filled() -> Folder {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "small", b"hello").await.unwrap();
    put(&store, "large", &pattern(LARGE)).await.unwrap();
    put(&store, "deleted", &pattern(LARGE)).await.unwrap();
    store.delete(at("deleted"), None).await.unwrap();
    let headers = satchel_folder::Headers {
        content_type: Some("image/png".into()),
        metadata: [("owner".to_owned(), "سلام".to_owned())].into(),
        ..satchel_folder::Headers::default()
    };
    let found = store.find(&at("large")).unwrap();
    store.copy(found, at("copy"), Some(headers), WriteCondition::default()).await.unwrap();
    let id = store.begin_upload(at("parts"), satchel_folder::Headers::default(), None, false).await.unwrap();
    let upload = UploadAddress { object: at("parts"), id };
    let named = vec![part(&store, &upload, 1, pattern(MIN)).await, part(&store, &upload, 2, pattern(10)).await];
    let describe = |_: &_, _: &[&_]| Ok(Described { etag: "whole".into(), ..Described::default() });
    store.complete_upload(upload, named, WriteCondition::default(), describe).await.unwrap();
    let id = store.begin_upload(at("unfinished"), satchel_folder::Headers::default(), None, false).await.unwrap();
    part(&store, &UploadAddress { object: at("unfinished"), id }, 1, pattern(MIN)).await;
    store.close().await.unwrap();
    folder
}

async fn has_all(folder: &Folder, small: bool) {
    let store = folder.open().await;
    let expected: &[&str] = if small { &["copy", "large", "parts", "small"] } else { &["copy", "large", "parts"] };
    assert_eq!(keys(&store), expected);
    assert!(get(&store, "large").await.unwrap() == pattern(LARGE));
    assert!(get(&store, "copy").await.unwrap() == pattern(LARGE));
    assert!(get(&store, "parts").await.unwrap() == [pattern(MIN), pattern(10)].concat());
    let head = store.head(&at("copy")).unwrap();
    assert_eq!(head.headers.content_type.as_deref(), Some("image/png"));
    assert_eq!(head.headers.metadata["owner"], "سلام");
    let parts = store.head(&at("parts")).unwrap();
    assert_eq!(parts.etag, "whole");
    let done = UploadAddress { object: at("parts"), id: parts.upload.clone().unwrap() };
    assert_eq!(store.completed(&done).unwrap(), Some(parts), "a repeated completion is known as what it is");
    assert_eq!(store.scrub().await.unwrap().damaged, 0);
    put(&store, "new", &pattern(LARGE)).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn without_an_index_all_that_is_in_files_comes_back() {
    let folder = filled().await;
    fs::remove_file(folder.index()).unwrap();
    let rebuilt = rebuild(&folder.path()).await.unwrap();
    assert_eq!((rebuilt.kept, rebuilt.restored, rebuilt.old_index), (0, 3, None));
    has_all(&folder, false).await;
}

#[tokio::test]
async fn without_anything_but_the_files_all_of_it_comes_back_too() {
    let folder = filled().await;
    fs::remove_file(folder.index()).unwrap();
    fs::remove_file(folder.path().join("store.json")).unwrap();
    assert_eq!(rebuild(&folder.path()).await.unwrap().restored, 3);
    has_all(&folder, false).await;
}

#[tokio::test]
async fn of_a_damaged_index_what_can_be_read_comes_back() {
    let folder = filled().await;
    let mut index = fs::read(folder.index()).unwrap();
    // The header's count of the schema's table, which makes integrity_check fail, and no row.
    let page = 4096;
    let last = index.len() - page;
    index[last..last + 8].fill(0xff);
    fs::write(folder.index(), index).unwrap();
    let rebuilt = rebuild(&folder.path()).await.unwrap();
    assert!(rebuilt.restored >= 3 && rebuilt.old_index.is_some_and(|old| old.exists()), "the old index is kept aside");
    let store = folder.open().await;
    assert!(get(&store, "large").await.unwrap() == pattern(LARGE));
}

#[tokio::test]
async fn an_index_of_which_no_byte_is_right_is_moved_aside() {
    let folder = filled().await;
    fs::write(folder.index(), vec![b'x'; 20_000]).unwrap();
    let rebuilt = rebuild(&folder.path()).await.unwrap();
    assert_eq!(rebuilt.restored, 3);
    assert_eq!(fs::read(rebuilt.old_index.unwrap()).unwrap(), vec![b'x'; 20_000]);
    has_all(&folder, false).await;
}

#[tokio::test]
async fn an_older_copy_of_the_index_is_completed_from_the_files() {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "before", &pattern(LARGE)).await.unwrap();
    put(&store, "small", b"hello").await.unwrap();
    store.close().await.unwrap();
    let copy = fs::read(folder.index()).unwrap();
    let store = folder.open().await;
    put(&store, "after", &pattern(LARGE)).await.unwrap();
    store.close().await.unwrap();
    fs::write(folder.index(), copy).unwrap();
    assert!(folder.try_open().await.is_err());
    let rebuilt = rebuild(&folder.path()).await.unwrap();
    assert_eq!((rebuilt.kept, rebuilt.restored), (2, 1));
    let store = folder.open().await;
    assert_eq!(keys(&store), ["after", "before", "small"]);
    assert!(get(&store, "after").await.unwrap() == pattern(LARGE));
}

#[tokio::test]
async fn what_is_in_the_quarantine_comes_back_if_it_says_what_it_is() {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "large", &pattern(LARGE)).await.unwrap();
    store.close().await.unwrap();
    let file = folder.blobs().remove(0);
    let aside = folder.path().join("quarantine/2026-11-20");
    fs::create_dir_all(&aside).unwrap();
    fs::rename(&file, aside.join(file.file_name().unwrap())).unwrap();
    let index = rusqlite::Connection::open(folder.index()).unwrap();
    index.execute("DELETE FROM objects", []).unwrap();
    index.close().unwrap();
    assert_eq!(rebuild(&folder.path()).await.unwrap().restored, 1);
    let store = folder.open().await;
    assert!(get(&store, "large").await.unwrap() == pattern(LARGE));
    assert!(!aside.exists());
}

#[tokio::test]
async fn a_row_whose_file_is_gone_gives_way_to_the_file_that_is_there() {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "k", &pattern(LARGE)).await.unwrap();
    store.close().await.unwrap();
    let copy = fs::read(folder.index()).unwrap();
    let store = folder.open().await;
    // The clock was set back meanwhile.
    folder.clock.fetch_sub(86_400_000, std::sync::atomic::Ordering::SeqCst);
    put(&store, "k", &pattern(LARGE + 1)).await.unwrap();
    store.close().await.unwrap();
    fs::write(folder.index(), copy).unwrap();
    assert_eq!(rebuild(&folder.path()).await.unwrap().restored, 1);
    let store = folder.open().await;
    assert!(get(&store, "k").await.unwrap() == pattern(LARGE + 1));
}

#[tokio::test]
async fn a_repair_that_was_stopped_is_repeated_and_saves_the_same() {
    let folder = filled().await;
    let mut index = fs::read(folder.index()).unwrap();
    let last = index.len() - 4096;
    index[last..last + 8].fill(0xff);
    // As it is after the old index was set aside, and a new one begun.
    fs::write(folder.path().join("index-000000000000001.damaged"), index).unwrap();
    fs::remove_file(folder.index()).unwrap();
    rusqlite::Connection::open(folder.index()).unwrap().execute_batch("CREATE TABLE half (a)").unwrap();
    let rebuilt = rebuild(folder.path().as_path()).await.unwrap();
    assert!(rebuilt.restored >= 3, "{rebuilt:?}");
    let store = folder.open().await;
    assert!(get(&store, "large").await.unwrap() == pattern(LARGE));
    assert!(get(&store, "small").await.is_ok_and(|small| small == b"hello"), "what was in the old index alone");
    let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.ends_with(".damaged")).count(), 0, "another repair does not take it again");
}

#[tokio::test]
async fn a_log_without_its_index_is_kept() {
    let folder = filled().await;
    fs::remove_file(folder.index()).unwrap();
    fs::write(folder.path().join("index.sqlite-wal"), b"a log").unwrap();
    rebuild(&folder.path()).await.unwrap();
    let logs = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    assert!(
        logs.filter(|path| path.extension().is_some_and(|it| it == "damaged-wal"))
            .any(|log| fs::read(log).unwrap() == b"a log")
    );
}

#[tokio::test]
async fn a_sound_folder_stays_as_it_is() {
    let folder = filled().await;
    let rebuilt = rebuild(&folder.path()).await.unwrap();
    assert_eq!((rebuilt.kept, rebuilt.restored, rebuilt.unreadable), (4, 0, 0));
    has_all(&folder, true).await;
}

#[tokio::test(start_paused = true)]
async fn a_folder_in_use_is_not_touched() {
    let folder = filled().await;
    let _store = folder.open().await;
    assert!(matches!(rebuild(&folder.path()).await, Err(satchel_folder::OpenError::InUse(_))));
}
