//! Uploads in chunks.

mod upload;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use satchel_core::{checksum::Checksum, upload_metadata::UploadMetadata};
use upload::{Upload, bytes, grant, read, streamed};

use crate::{
    error::BodyError,
    objects::{Body, Creation, NewUpload, Objects},
    resumable::{Abandoned, Appended, Begun, Chunk, ChunkError, Partial, Resumable, Standing},
};

const MIB: usize = 1024 * 1024;

/// Runs all of them.
pub async fn resumable<S: Objects + Resumable>(open: impl AsyncFn() -> S) {
    let store = open().await;
    chunks_of_any_size_make_the_file(&store).await;
    a_chunk_at_another_offset_conflicts(&store).await;
    of_many_at_one_offset_one_is_stored(&store).await;
    completing_races_creating_and_one_wins(&store).await;
    nothing_is_acknowledged_after_the_end(&store).await;
    what_was_said_comes_back(&store).await;
    the_last_chunk_again_is_complete(&store).await;
    what_comes_as_a_whole_is_a_file(&store).await;
    what_came_of_a_broken_chunk_is_kept(&store).await;
    a_chunk_with_a_checksum_is_whole_or_nothing(&store).await;
    more_than_there_is_room_for_is_refused(&store).await;
    a_later_upload_takes_the_place(&store).await;
    drop(store);
    an_upload_survives_reopening(&open).await;
}

async fn chunks_of_any_size_make_the_file<S: Objects + Resumable>(store: &S) {
    let whole = bytes(17 * MIB);
    let around = |size: usize| [size - 1, size, size + 1];
    for (first, size) in [1, 2].into_iter().chain(around(5 * MIB)).chain(around(8 * MIB)).enumerate() {
        let whole = whole.slice(..if size < MIB { 9 } else { whole.len() });
        for is_streamed in [false, true] {
            let upload = Upload::begin(store, &format!("any/{size}-{is_streamed}"), whole.len()).await;
            let mut at = 0;
            while at < whole.len() {
                assert_eq!(upload.offset().await, at as u64, "{size}");
                assert_eq!(upload.file().await, None, "{size}: not before its last byte");
                let chunk = whole.slice(at..whole.len().min(at + size));
                let end = at + chunk.len();
                // With its length or without.
                let length = (first % 2 == 0).then_some(chunk.len() as u64);
                let chunk = match is_streamed {
                    true => Chunk { body: streamed(&chunk, None), length, checksum: None },
                    false => Chunk::whole(chunk),
                };
                let appended = upload.append(at, chunk).await.unwrap();
                assert!(matches!(appended, Appended::Stored { offset, .. } if offset == end as u64), "{appended:?}");
                at = end;
            }
            assert!(upload.file().await.as_ref() == Some(&whole), "{size}");
            let stored = store.head(&upload.grant.path).await.unwrap().unwrap();
            assert!(stored.is_of(&upload.grant) && stored.content_type == upload.grant.content_type, "{stored:?}");
        }
    }
}

async fn a_chunk_at_another_offset_conflicts<S: Objects + Resumable>(store: &S) {
    let whole = bytes(10);
    let upload = Upload::begin(store, "conflict", 10).await;
    upload.add(&whole, 0..5).await;
    for offset in [0, 4, 6, 10] {
        let appended = upload.append(offset, Chunk::whole(whole.slice(..1))).await.unwrap();
        assert!(matches!(appended, Appended::Conflict { offset: 5 }), "{offset}: {appended:?}");
    }
    assert_eq!(upload.offset().await, 5);
    upload.add(&whole, 5..10).await;
    assert_eq!(upload.file().await, Some(whole));
}

async fn of_many_at_one_offset_one_is_stored<S: Objects + Resumable>(store: &S) {
    for end in [5, 10] {
        let upload = Upload::begin(store, &format!("many/{end}"), 10).await;
        upload.add(&bytes(1), 0..1).await;
        let contenders = (0..8_u8).map(|number| Bytes::from(vec![number; end - 1]));
        let appended = join_all(contenders.map(|bytes| upload.append(1, Chunk::whole(bytes)))).await;
        let won: Vec<usize> =
            (0..8).filter(|number| matches!(appended[*number], Ok(Appended::Stored { .. }))).collect();
        assert_eq!(won.len(), 1, "{appended:?}");
        let lost = |it: &Result<_, ChunkError>| matches!(it, Ok(Appended::Conflict { .. } | Appended::Overtaken));
        assert_eq!(appended.iter().filter(|appended| lost(appended)).count(), 7, "{appended:?}");
        let mut expected = [bytes(1), Bytes::from(vec![u8::try_from(won[0]).unwrap(); end - 1])].concat();
        if end < 10 {
            upload.add(&bytes(10), 5..10).await;
            expected.extend_from_slice(&bytes(10)[5..]);
        }
        assert_eq!(upload.file().await, Some(expected.into()));
    }
}

async fn completing_races_creating_and_one_wins<S: Objects + Resumable>(store: &S) {
    for round in 0..4 {
        let upload = Upload::begin(store, &format!("race/{round}"), 10).await;
        upload.add(&bytes(10), 0..9).await;
        let other = NewUpload { grant: grant(upload.grant.path.as_str(), 3), digest: None };
        let create = store.create(&other, Body::Whole(Bytes::from_static(b"new")));
        let (appended, created) = join(upload.append(9, Chunk::whole(bytes(10).slice(9..))), create).await;
        match (appended.unwrap(), created.unwrap()) {
            (Appended::Stored { .. }, Creation::Exists) => assert_eq!(upload.file().await, Some(bytes(10))),
            (Appended::Exists, Creation::Created) => {
                assert_eq!(upload.file().await, Some(Bytes::from_static(b"new")));
                assert_eq!(upload.standing().await, Standing::Gone);
            }
            both => panic!("{both:?}"),
        }
    }
}

async fn nothing_is_acknowledged_after_the_end<S: Objects + Resumable>(store: &S) {
    for there in [0, 5, 10] {
        let upload = Upload::begin(store, "ended", 10).await;
        if there > 0 {
            upload.add(&bytes(10), 0..there).await;
        }
        assert_eq!(store.abandon(upload.partial()).await.unwrap(), Abandoned::Done, "{there}");
        assert_eq!(upload.standing().await, Standing::Gone, "{there}");
        let appended = upload.append(there, Chunk::whole(bytes(10).slice(there..))).await.unwrap();
        assert!(matches!(appended, Appended::Gone), "{there}: {appended:?}");
        assert_eq!(store.abandon(upload.partial()).await.unwrap(), Abandoned::Gone, "{there}");
        assert_eq!(upload.file().await, None, "{there}");
    }
    // A file of somebody else stays.
    let upload = Upload::begin(store, "ended", 10).await;
    let other = NewUpload { grant: grant("ended", 3), digest: None };
    store.create(&other, Body::Whole(Bytes::from_static(b"new"))).await.unwrap();
    assert_eq!(store.abandon(upload.partial()).await.unwrap(), Abandoned::Done);
    assert_eq!(store.abandon(upload.partial()).await.unwrap(), Abandoned::Gone);
    assert_eq!(upload.file().await, Some(Bytes::from_static(b"new")));
}

async fn what_was_said_comes_back<S: Objects + Resumable>(store: &S) {
    let said = UploadMetadata::parse("filename d29ybGQ=,is_confidential").unwrap();
    let grant = grant("said", 2);
    let begun = store.begin(&grant, &said, Chunk::whole(bytes(1))).await.unwrap();
    let Begun::Unfinished { name, offset: 1 } = begun else { panic!("{begun:?}") };
    let upload = Upload { store, grant, name };
    assert_eq!(upload.standing().await, Standing::Unfinished { offset: 1, said: said.clone() });
    upload.add(&bytes(2), 1..2).await;
    assert_eq!(upload.standing().await, Standing::Complete { said });
}

async fn the_last_chunk_again_is_complete<S: Objects + Resumable>(store: &S) {
    let upload = Upload::begin(store, "last-again", 10).await;
    upload.add(&bytes(10), 0..10).await;
    upload.add(&bytes(10), 10..10).await;
    let appended = upload.append(5, Chunk::whole(bytes(10).slice(5..))).await.unwrap();
    assert!(matches!(appended, Appended::Conflict { offset: 10 }), "{appended:?}");
    let appended = upload.append(10, Chunk::whole(bytes(1))).await;
    assert!(matches!(appended, Err(ChunkError::TooLong)), "{appended:?}");
    let begun = store.begin(&grant("last-again", 10), &UploadMetadata::default(), Chunk::whole(Bytes::new())).await;
    assert_eq!(begun.unwrap(), Begun::Exists);
}

async fn what_comes_as_a_whole_is_a_file<S: Objects + Resumable>(store: &S) {
    for size in [0, 1, 40_000, 9 * MIB] {
        for is_streamed in [false, true] {
            let (whole, grant) = (bytes(size), grant(&format!("whole/{size}-{is_streamed}"), size));
            let chunk = match is_streamed {
                true => Chunk { body: streamed(&whole, None), length: None, checksum: None },
                false => Chunk::whole(whole.clone()),
            };
            let name = match store.begin(&grant, &UploadMetadata::default(), chunk).await.unwrap() {
                Begun::Complete(upload) if upload == grant.id => None,
                // One that comes in pieces may be begun before it is known to be whole.
                Begun::Unfinished { name, offset } if is_streamed && offset == grant.size => Some(name),
                begun => panic!("{size}: {begun:?}"),
            };
            let partial = Partial { grant: &grant, name: name.as_ref() };
            assert!(matches!(store.standing(partial).await.unwrap(), Standing::Complete { .. }), "{size}");
            assert!(read(store, &grant.path).await == Some(whole), "{size}");
        }
    }
}

async fn what_came_of_a_broken_chunk_is_kept<S: Objects + Resumable>(store: &S) {
    let whole = bytes(12 * MIB);
    let upload = Upload::begin(store, "cut/later", whole.len()).await;
    let mut at = 0;
    for end in [1, 1_000, 3 * MIB, 11 * MIB] {
        let body = streamed(&whole.slice(at..end), Some(BodyError::Incomplete));
        let length = Some((whole.len() - at) as u64);
        let appended = upload.append(at, Chunk { body, length, checksum: None }).await.unwrap();
        let cause = BodyError::Incomplete;
        assert!(
            matches!(appended, Appended::Broken { offset, cause: broken } if offset == end as u64 && broken == cause),
            "{appended:?}"
        );
        assert_eq!(upload.offset().await, end as u64);
        at = end;
    }
    let nothing = Chunk { body: streamed(&Bytes::new(), Some(BodyError::Stalled)), length: None, checksum: None };
    assert!(matches!(upload.append(at, nothing).await, Err(ChunkError::Body(BodyError::Stalled))));
    upload.add(&whole, at..whole.len()).await;
    assert!(upload.file().await == Some(whole));
    let first = Chunk { body: streamed(&bytes(5), Some(BodyError::Incomplete)), length: Some(10), checksum: None };
    let begun = store.begin(&grant("cut/first", 10), &UploadMetadata::default(), first).await;
    assert!(matches!(begun, Err(ChunkError::Body(BodyError::Incomplete))), "{begun:?}");
}

async fn a_chunk_with_a_checksum_is_whole_or_nothing<S: Objects + Resumable>(store: &S) {
    // The protocol's own example.
    let (right, wrong) = (Bytes::from_static(b"hello world"), Bytes::from_static(b"hello World"));
    let checksum = Some(Checksum::parse("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").unwrap());
    let upload = Upload::begin(store, "checksum/later", 22).await;
    for body in [Body::Whole(wrong.clone()), streamed(&wrong, None)] {
        let appended = upload.append(0, Chunk { body, length: Some(11), checksum }).await;
        assert!(matches!(appended, Err(ChunkError::Mismatch)), "{appended:?}");
        assert_eq!(upload.offset().await, 0);
    }
    let broken = streamed(&right, Some(BodyError::Incomplete));
    let appended = upload.append(0, Chunk { body: broken, length: Some(12), checksum }).await;
    assert!(matches!(appended, Err(ChunkError::Body(BodyError::Incomplete))), "{appended:?}");
    assert_eq!(upload.offset().await, 0, "nobody knows whether it was right so far");
    for (at, body) in [(0, Body::Whole(right.clone())), (11, streamed(&right, None))] {
        let appended = upload.append(at, Chunk { body, length: Some(11), checksum }).await.unwrap();
        assert!(matches!(appended, Appended::Stored { .. }), "{appended:?}");
    }
    assert_eq!(upload.file().await, Some([right, Bytes::from_static(b"hello world")].concat().into()));
    let first = Chunk { body: Body::Whole(wrong), length: Some(11), checksum };
    let begun = store.begin(&grant("checksum/first", 22), &UploadMetadata::default(), first).await;
    assert!(matches!(begun, Err(ChunkError::Mismatch)), "{begun:?}");
}

async fn more_than_there_is_room_for_is_refused<S: Objects + Resumable>(store: &S) {
    let upload = Upload::begin(store, "long", 10).await;
    upload.add(&bytes(10), 0..5).await;
    for length in [Some(6), None] {
        let chunk = Chunk { body: streamed(&bytes(6), None), length, checksum: None };
        let appended = upload.append(5, chunk).await;
        assert!(matches!(appended, Err(ChunkError::TooLong)), "{appended:?}");
        assert_eq!(upload.offset().await, 5);
    }
    let chunk = Chunk { body: streamed(&bytes(11), None), length: None, checksum: None };
    let begun = store.begin(&grant("long/first", 10), &UploadMetadata::default(), chunk).await;
    assert!(matches!(begun, Err(ChunkError::TooLong)), "{begun:?}");
}

async fn a_later_upload_takes_the_place<S: Objects + Resumable>(store: &S) {
    let first = Upload::begin(store, "place", 10).await;
    first.add(&bytes(10), 0..5).await;
    let second = Upload::begin(store, "place", 10).await;
    assert_eq!((first.standing().await, second.offset().await), (Standing::Gone, 0));
    assert!(matches!(first.append(5, Chunk::whole(bytes(5))).await.unwrap(), Appended::Gone));
    assert_eq!(store.abandon(first.partial()).await.unwrap(), Abandoned::Gone);
    second.add(&bytes(10), 0..10).await;
    assert_eq!(first.standing().await, Standing::Gone, "the file is the other's");
}

async fn an_upload_survives_reopening<S: Objects + Resumable>(open: impl AsyncFn() -> S) {
    let whole = bytes(9 * MIB);
    let (grant, name) = {
        let store = open().await;
        let upload = Upload::begin(&store, "reopened", whole.len()).await;
        upload.add(&whole, 0..6 * MIB).await;
        upload.add(&whole, 6 * MIB..6 * MIB + 1).await;
        (upload.grant.clone(), upload.name.clone())
    };
    let store = open().await;
    let upload = Upload { store: &store, grant, name };
    assert_eq!(upload.offset().await, (6 * MIB + 1) as u64);
    upload.add(&whole, 6 * MIB + 1..whole.len()).await;
    assert!(upload.file().await == Some(whole));
}
