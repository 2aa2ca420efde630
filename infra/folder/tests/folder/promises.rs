//! What a store is for: whole objects, conditions that hold, bytes that stay as long as they are read.

use futures_util::TryStreamExt;
use satchel_folder::{Refusal, StoreError};

use crate::support::*;

#[tokio::test]
async fn objects_of_every_size_come_back_as_they_were() {
    let folder = Folder::new();
    let store = folder.open().await;
    let sizes = [0, 1, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 262_144, 262_145, 1_000_000];
    for size in sizes {
        put(&store, &size.to_string(), &pattern(size)).await.unwrap();
    }
    store.close().await.unwrap();
    let store = folder.open().await;
    for size in sizes {
        assert!(get(&store, &size.to_string()).await.unwrap() == pattern(size), "{size}");
    }
    let inside = sizes.iter().filter(|size| **size <= 32_768).count();
    assert_eq!(folder.blobs().len(), sizes.len() - inside, "small ones are in the index");
}

#[tokio::test]
async fn a_body_in_pieces_of_any_size_is_one_body() {
    let folder = Folder::new();
    let store = folder.open().await;
    let whole = pattern(300_000);
    for sizes in [&[1][..], &[7, 5_000], &[4_095, 4_096, 4_097], &[70_000, 1, 2, 3], &[300_000]] {
        let (mut pieces, mut rest) = (Vec::new(), &whole[..]);
        for size in sizes.iter().cycle() {
            let (piece, left) = rest.split_at((*size).min(rest.len()));
            pieces.push(Ok::<_, StoreError>(bytes::Bytes::copy_from_slice(piece)));
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        let (body, ()) = store.receive(futures_util::stream::iter(pieces), 300_000, ()).await.unwrap();
        store
            .put(at("k"), satchel_folder::Described::default(), body, satchel_folder::WriteCondition::default())
            .await
            .unwrap();
        assert!(get(&store, "k").await.unwrap() == whole, "{sizes:?}");
    }
}

#[tokio::test]
async fn any_range_is_the_bytes_between() {
    let folder = Folder::new();
    let store = folder.open().await;
    for size in [20_000usize, 300_000] {
        let whole = pattern(size);
        put(&store, "k", &whole).await.unwrap();
        let marks = [0, 1, 65_535, 65_536, 131_072, 262_143, 262_144, size - 1, size];
        for (from, to) in marks.iter().flat_map(|from| marks.iter().map(move |to| (*from, *to))) {
            if from <= to && to <= size {
                let stream = store.read(store.find(&at("k")).unwrap(), from as u64..to as u64).await.unwrap();
                assert_eq!(stream.remaining(), (to - from) as u64);
                let pieces: Vec<bytes::Bytes> = stream.try_collect().await.unwrap();
                assert!(pieces.concat() == whole[from..to], "{from}..{to} of {size}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_racing_creates_one_is_created_and_leaves_one_file() {
    for size in [10, LARGE] {
        let folder = Folder::new();
        let store = folder.open().await;
        let racing: Vec<_> = (0..64u8)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move { put_if(&store, "k", &vec![n; size], absent()).await.ok().map(|_| n) })
            })
            .collect();
        let mut winners = Vec::new();
        for one in racing {
            winners.extend(one.await.unwrap());
        }
        assert_eq!(winners.len(), 1);
        assert!(get(&store, "k").await.unwrap() == vec![winners[0]; size]);
        store.close().await.unwrap();
        assert_eq!(folder.blobs().len(), usize::from(size == LARGE));
    }
}

#[tokio::test]
async fn a_refused_put_leaves_no_file() {
    let folder = Folder::new();
    let store = folder.open().await;
    put_if(&store, "k", &pattern(LARGE), absent()).await.unwrap();
    let refused = put_if(&store, "k", &pattern(LARGE), absent()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::PreconditionFailed { .. })));
    store.close().await.unwrap();
    assert_eq!(folder.blobs().len(), 1);
}

#[tokio::test]
async fn a_body_of_another_length_or_that_breaks_off_leaves_nothing() {
    let folder = Folder::new();
    let store = folder.open().await;
    let pieces = |sizes: &[usize]| -> Vec<Result<bytes::Bytes, StoreError>> {
        sizes.iter().map(|size| Ok(vec![7; *size].into())).collect()
    };
    for (length, sizes) in [(10, &[9][..]), (10, &[5, 6]), (100_000, &[99_999]), (100_000, &[70_000, 70_000])] {
        let body = futures_util::stream::iter(pieces(sizes));
        let error = store.receive(body, length, ()).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(Refusal::IncompleteBody { .. })), "{length} {sizes:?}");
    }
    for length in [1_000u64, 200_000] {
        let broken = pieces(&[999]).into_iter().chain([Err(StoreError::Closed)]);
        let error = store.receive(futures_util::stream::iter(broken), length, ()).await.unwrap_err();
        assert!(matches!(error, StoreError::Body(_)));
    }
    let dropped = tokio::time::timeout(std::time::Duration::ZERO, store.receive(stalling(100_000), 100_001, ())).await;
    assert!(dropped.is_err());
    store.close().await.unwrap();
    assert!(folder.blobs().is_empty());
}

#[tokio::test]
async fn a_file_that_is_deleted_while_it_is_read_is_read_to_its_end() {
    let folder = Folder::new();
    let store = folder.open().await;
    let whole = pattern(3_000_000);
    put(&store, "k", &whole).await.unwrap();
    let mut stream = store.read(store.find(&at("k")).unwrap(), 0..3_000_000).await.unwrap();
    let mut got = stream.try_next().await.unwrap().unwrap().to_vec();
    let found = store.find(&at("k")).unwrap();
    store.delete(at("k"), None).await.unwrap();
    assert!(matches!(store.find(&at("k")), Err(StoreError::Refused(Refusal::NoSuchKey))));
    while let Some(piece) = stream.try_next().await.unwrap() {
        got.extend_from_slice(&piece);
    }
    assert!(got == whole);
    assert!(read(&store, found).await.unwrap() == whole, "what was found before is there still");
    store.close().await.unwrap();
    assert!(folder.blobs().is_empty());
}

#[tokio::test]
async fn a_write_that_fails_does_not_fail_the_others_of_its_batch() {
    let folder = Folder::new();
    let store = folder.open().await;
    put(&store, "damaged", b"x").await.unwrap();
    store.close().await.unwrap();
    let index = rusqlite::Connection::open(folder.index()).unwrap();
    index.execute("UPDATE objects SET head = replace(head, 'etag', 'egat')", []).unwrap();
    index.close().unwrap();
    let store = folder.open().await;
    let (damaged, sound) = tokio::join!(put(&store, "damaged", b"y"), put(&store, "sound", b"z"));
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })));
    sound.unwrap();
    assert_eq!(get(&store, "sound").await.unwrap(), b"z");
}
