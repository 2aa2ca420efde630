//! Uploads that grow at their end.

use bytes::Bytes;
use futures_util::stream;
use satchel_folder::{
    Addition, Completion, Described, Ended, Growing, Grown, Headers, MIN_PART_BYTES, PartRecord, Received, Refusal,
    Stock, Store, StoreError, UploadAddress,
};

use crate::support::*;

const PART: usize = MIN_PART_BYTES as usize;

type Piece = Result<Bytes, StoreError>;

fn pieces(bytes: &[u8]) -> Vec<Piece> {
    bytes.chunks(50_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
}

async fn begin(store: &Store, key: &str, whole: usize, first: &[u8]) -> UploadAddress {
    let (body, ()) = store.receive(stream::iter(pieces(first)), first.len() as u64, ()).await.unwrap();
    let id = store.begin_growing(at(key), Headers::default(), whole as u64, body).await.unwrap();
    UploadAddress { object: at(key), id }
}

async fn receive(store: &Store, to: &Growing, pieces: Vec<Piece>) -> Received<Addition, (), StoreError> {
    store.receive_more(to, stream::iter(pieces), 0, ()).await.unwrap()
}

pub fn completion() -> Completion<impl FnOnce(&[&PartRecord]) -> Described + Send + 'static> {
    let describe = |parts: &[&PartRecord]| Described { etag: format!("-{}", parts.len()), ..Described::default() };
    Completion { describe, beside: Some(at("beside")) }
}

async fn grow(store: &Store, upload: &UploadAddress, chunk: &[u8]) -> Result<Grown, StoreError> {
    let to = store.growing(upload)?.ok_or(Refusal::NoSuchUpload)?;
    store.grow(receive(store, &to, pieces(chunk)).await.body, completion()).await
}

#[tokio::test]
async fn chunks_of_any_size_make_one_object_of_few_files() {
    let folder = Folder::new();
    let store = folder.open().await;
    let whole = pattern(2 * PART + 100_000);
    for (name, sizes) in [
        ("small", &[1, 100_000, 900_000][..]),
        ("just too small for a part", &[PART - 1, 1]),
        ("parts", &[PART]),
        ("large after small", &[1, PART + 7]),
    ] {
        let upload = begin(&store, name, whole.len(), &whole[..sizes[0]]).await;
        let mut there = sizes[0];
        for size in sizes.iter().cycle().skip(1) {
            assert_eq!(store.growing(&upload).unwrap().unwrap().size, there as u64, "{name}");
            let end = whole.len().min(there + size);
            let grown = grow(&store, &upload, &whole[there..end]).await.unwrap();
            there = end;
            if there == whole.len() {
                assert!(matches!(&grown, Grown::Object(head) if head.size == there as u64), "{name}: {grown:?}");
                break;
            }
            assert_eq!(grown, Grown::Part(there as u64), "{name}");
            assert!(matches!(store.find(&at(name)), Err(StoreError::Refused(Refusal::NoSuchKey))), "{name}");
        }
        assert!(get(&store, name).await.unwrap() == whole, "{name}");
        assert_eq!(get(&store, "beside").await.unwrap(), b"");
        assert!(store.growing(&upload).unwrap().is_none());
        let etag = store.head(&at(name)).unwrap().etag;
        let files: usize = etag[1..].parse().unwrap();
        assert!(files <= whole.len() / PART + 1, "{name}: {files} files");
        store.delete(at(name), None).await.unwrap();
        store.settle().await;
        assert!(folder.blobs().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn of_two_additions_at_one_place_one_is_made() {
    let folder = Folder::new();
    let store = folder.open().await;
    for (first, end) in [(0, 10), (5, 10), (5, 20)] {
        let upload = begin(&store, "k", 20, &vec![0; first]).await;
        let to = store.growing(&upload).unwrap().unwrap();
        let (one, other) = (vec![1; end - first], vec![2; end - first]);
        let one = receive(&store, &to, pieces(&one)).await.body;
        let other = receive(&store, &to, pieces(&other)).await.body;
        let (one, other) = tokio::join!(store.grow(one, completion()), store.grow(other, completion()));
        let won = |grown: &Result<Grown, StoreError>| matches!(grown, Ok(Grown::Part(_) | Grown::Object(_)));
        assert_ne!(won(&one), won(&other));
        let winner = if won(&one) { 1 } else { 2 };
        match if won(&one) { other } else { one } {
            Ok(Grown::Elsewhere(size)) => assert_eq!(size, end as u64),
            Err(StoreError::Refused(Refusal::NoSuchUpload)) => assert_eq!(end, 20),
            other => panic!("{other:?}"),
        }
        drop(to);
        if end < 20 {
            grow(&store, &upload, &[3; 10]).await.unwrap();
        }
        let expected = [vec![0; first], vec![winner; end - first], vec![3; 20 - end]].concat();
        assert_eq!(get(&store, "k").await.unwrap(), expected);
        store.delete(at("k"), None).await.unwrap();
    }
    store.close().await.unwrap();
    assert!(folder.blobs().is_empty());
}

#[tokio::test]
async fn what_came_of_a_body_that_breaks_off_can_be_added() {
    let folder = Folder::new();
    let store = folder.open().await;
    let whole = pattern(300_000);
    let upload = begin(&store, "k", whole.len(), &[]).await;
    for (from, to) in [(0, 1), (1, 70_000), (70_000, 250_000)] {
        let growing = store.growing(&upload).unwrap().unwrap();
        let broken = pieces(&whole[from..to]).into_iter().chain([Err(StoreError::Closed)]).collect();
        let received = receive(&store, &growing, broken).await;
        assert!(matches!(received.ended, Ended::Broken(StoreError::Closed)));
        assert_eq!(received.body.added, (to - from) as u64);
        assert_eq!(store.grow(received.body, completion()).await.unwrap(), Grown::Part(to as u64));
    }
    let growing = store.growing(&upload).unwrap().unwrap();
    let received = receive(&store, &growing, pieces(&pattern(50_001))).await;
    assert!(matches!(received.ended, Ended::TooLong));
    drop((received, growing));
    grow(&store, &upload, &whole[250_000..]).await.unwrap();
    assert!(get(&store, "k").await.unwrap() == whole);
    store.close().await.unwrap();
    assert_eq!(folder.blobs().len(), 2, "the file, and what says what it is now");
}

#[tokio::test]
async fn an_upload_ends_with_the_next_one_of_its_kind_or_an_object_that_was_first() {
    let folder = Folder::new();
    let store = folder.open().await;
    let numbered = store.begin_upload(at("k"), Headers::default(), None, false).await.unwrap();
    let earlier = begin(&store, "k", 20, b"earlier").await;
    let later = begin(&store, "k", 20, b"later").await;
    assert!(store.growing(&earlier).unwrap().is_none());
    assert_eq!(store.under_way(BUCKET).await.unwrap(), Stock { objects: 1, bytes: 5 });
    store.upload(&UploadAddress { object: at("k"), id: numbered.clone() }).unwrap();
    assert!(store.growing(&UploadAddress { object: at("k"), id: numbered }).unwrap().is_none());

    put(&store, "k", b"first").await.unwrap();
    assert_eq!(grow(&store, &later, b"more").await.unwrap(), Grown::Part(9));
    assert_eq!(grow(&store, &later, b"the rest of").await.unwrap(), Grown::Exists);
    assert!(store.growing(&later).unwrap().is_none());
    assert_eq!(get(&store, "k").await.unwrap(), b"first");
    store.close().await.unwrap();
    assert!(folder.blobs().is_empty());
}

#[tokio::test]
async fn an_upload_goes_on_after_a_kill_and_without_its_index_is_none() {
    let folder = Folder::new();
    let store = folder.open().await;
    let whole = pattern(200_000);
    let upload = begin(&store, "k", whole.len(), &whole[..90_000]).await;
    grow(&store, &upload, &whole[90_000..150_000]).await.unwrap();
    let folder = folder.killed();
    let store = folder.open().await;
    assert_eq!(store.growing(&upload).unwrap().unwrap().size, 150_000);
    grow(&store, &upload, &whole[150_000..]).await.unwrap();
    store.close().await.unwrap();
    std::fs::remove_file(folder.index()).unwrap();
    satchel_folder::rebuild(&folder.path()).await.unwrap();
    let store = folder.open().await;
    assert!(get(&store, "k").await.unwrap() == whole, "made again from the files");
}
