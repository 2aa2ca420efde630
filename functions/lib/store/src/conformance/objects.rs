//! Files: created once and whole, or not at all.

use std::ops::Range;

use bytes::Bytes;
use futures_util::future::join_all;
use satchel_core::{
    content_type::ContentType,
    credential::Credential,
    digest::DigestError,
    grant::OwnerId,
    mac::{HexMac, MacProtocol},
    object_key::Key,
    time::Timestamp,
    token_id::TokenId,
};

use super::{
    differences::Has,
    subjects::{announced, both, bytes, collected, drop_midway, endless, path, pieces, read, upload},
};
use crate::{Body, BodyError, CreateError, Creation, Inventory, Objects, Reader};

/// What sizes are looked at, with one either side: what stores keep apart from larger ones, or pass on in other pieces.
const EDGES: [usize; 4] = [32 << 10, 64 << 10, 256 << 10, 5 << 20];

/// Runs all checks, each on a store that `make` gives. Stores may be one and the same: each check has names of its own.
///
/// # Panics
/// The store does not keep to one of them.
pub async fn objects<S: Objects + Inventory>(make: impl AsyncFn() -> S, has: Has) {
    of_64_racing_creations_one_wins(&make().await).await;
    the_same_upload_again_is_created_and_another_changes_nothing(&make().await).await;
    the_same_bytes_with_the_same_token_are_repeated(&make().await).await;
    type_metadata_and_size_come_back(&make().await, has).await;
    a_body_that_is_not_what_was_granted_leaves_nothing(&make().await).await;
    a_dropped_creation_leaves_nothing(&make().await).await;
    every_size_comes_back_however_it_came(&make().await).await;
    every_range_is_the_one_that_was_asked_for(&make().await).await;
    an_entry_is_listed_when_creating_returns(&make().await).await;
    what_is_removed_is_gone(&make().await).await;
    what_was_found_gives_no_other_bytes(&make().await, has).await;
}

/// Of any size, since small and large ones go different ways.
async fn of_64_racing_creations_one_wins<S: Objects>(store: &S) {
    for (at, length) in [("race/small", 100), ("race/large", 300_000)] {
        let racing = (0..64_u32).map(async |number| {
            let body = bytes(length, number);
            let [whole, streamed] = both(&body);
            let came = if number % 2 == 0 { whole } else { streamed };
            (number, store.create(&upload(at, &body, number.into()), came).await.unwrap())
        });
        let outcomes = join_all(racing).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|(_, creation)| *creation == Creation::Created);
        assert!(lost.iter().all(|(_, creation)| *creation == Creation::Exists), "{at}: {lost:?}");
        let [(winner, _)] = won[..] else { panic!("{at}: {won:?}") };
        assert!(read(store, at).await.unwrap() == bytes(length, winner), "{at}");
    }
}

async fn the_same_upload_again_is_created_and_another_changes_nothing<S: Objects>(store: &S) {
    for (at, length) in [("again/small", 100), ("again/large", 300_000)] {
        let (body, other) = (bytes(length, 0), bytes(length, 1));
        for came in both(&body).into_iter().chain(both(&body)) {
            assert_eq!(store.create(&upload(at, &body, 1), came).await.unwrap(), Creation::Created, "{at}");
        }
        let before = store.head(&path(at)).await.unwrap().unwrap();
        for came in both(&other) {
            assert_eq!(store.create(&upload(at, &other, 2), came).await.unwrap(), Creation::Exists, "{at}");
        }
        assert_eq!(store.head(&path(at)).await.unwrap(), Some(before), "{at}");
        assert!(read(store, at).await.unwrap() == body, "{at}");
    }
}

async fn the_same_bytes_with_the_same_token_are_repeated<S: Objects>(store: &S) {
    for (at, length) in [("repeat/small", 100), ("repeat/large", 300_000)] {
        let (body, other) = (bytes(length, 0), bytes(length, 1));
        let by = |body: &Bytes, id, digit: &str| {
            let mac = HexMac::parse(&digit.repeat(64)).unwrap();
            let mut upload = upload(at, body, id);
            upload.grant.token = Some(TokenId::of(&Credential::Mac(MacProtocol::V2, mac)));
            upload
        };
        let first = by(&body, 1, "a");
        assert_eq!(store.create(&first, pieces(&body, 10_000, None)).await.unwrap(), Creation::Created, "{at}");
        for (sent, digit, expected) in [
            (&body, "a", Creation::Repeated(first.grant.id)),
            (&other, "a", Creation::Exists),
            (&body, "b", Creation::Exists),
        ] {
            for came in both(sent) {
                assert_eq!(store.create(&by(sent, 2, digit), came).await.unwrap(), expected, "{at} {digit}");
            }
        }
        assert!(read(store, at).await.unwrap() == body, "{at}");
    }
}

async fn type_metadata_and_size_come_back<S: Objects>(store: &S, has: Has) {
    let name = "ü".repeat(if has.names_over_255_bytes { 250 } else { 127 });
    let long = format!("metadata/{name}");
    for (at, content_type, owner, expires) in [
        ("metadata/plain.txt", "text/plain", None, None),
        ("metadata/grüße 🎉 日本+%&=#?.png", "image/png", Some("ab"), Some(4_000_000_000)),
        (long.as_str(), "text/plain;charset=utf-8", Some("cd"), None),
    ] {
        let body = bytes(70_000, 0);
        let mut upload = upload(at, &body, 7);
        upload.grant.content_type = ContentType::parse(content_type).unwrap();
        upload.grant.owner = owner.map(|digits: &str| OwnerId::parse(&digits.repeat(20)).unwrap());
        upload.grant.expires = expires.map(Timestamp::from_seconds);
        assert_eq!(store.create(&upload, pieces(&body, 10_000, None)).await.unwrap(), Creation::Created, "{at}");
        let stored = store.find(&path(at)).await.unwrap().unwrap().stored;
        assert_eq!((stored.size, &stored.content_type), (70_000, &upload.grant.content_type), "{at}");
        let metadata = &stored.metadata;
        assert_eq!((metadata.owner, metadata.expires), (upload.grant.owner, upload.grant.expires), "{at}");
        assert!(stored.is_of(&upload.grant), "{at}");
        assert!(stored.etag.starts_with('"') && stored.etag.len() > 2, "{at}: {}", stored.etag);
    }
}

async fn a_body_that_is_not_what_was_granted_leaves_nothing<S: Objects>(store: &S) {
    for length in [100, 300_000] {
        let (body, other) = (bytes(length, 0), bytes(length, 1));
        let at = format!("broken/{length}");
        let shorter = body.slice(..length - 1);
        let longer = Bytes::from([&body[..], b"x"].concat());
        for (sent, end, expected) in [
            (&shorter, None, BodyError::Incomplete),
            (&longer, None, BodyError::TooLong),
            (&shorter, Some(BodyError::Incomplete), BodyError::Incomplete),
            (&shorter, Some(BodyError::Stalled), BodyError::Stalled),
            (&shorter, Some(BodyError::TooSlow), BodyError::TooSlow),
            (&Bytes::new(), Some(BodyError::Stalled), BodyError::Stalled),
        ] {
            let created = store.create(&upload(&at, &body, 1), pieces(sent, 10_000, end)).await;
            assert!(matches!(&created, Err(CreateError::Body(error)) if *error == expected), "{at}: {created:?}");
        }
        let created = store.create(&announced(&at, &body, &other, 1), pieces(&body, 10_000, None)).await;
        assert!(matches!(created, Err(CreateError::Digest(DigestError::Mismatch))), "{at}: {created:?}");
        assert!(store.find(&path(&at)).await.unwrap().is_none(), "{at}");
        let created = store.create(&announced(&at, &body, &body, 2), pieces(&body, 10_000, None)).await.unwrap();
        assert_eq!(created, Creation::Created, "{at}");
        assert!(read(store, &at).await.unwrap() == body, "{at}");
    }
}

async fn a_dropped_creation_leaves_nothing<S: Objects>(store: &S) {
    for length in [100, 300_000] {
        let (at, body) = (format!("dropped/{length}"), bytes(length, 0));
        let (endless, begun) = endless(&body.slice(..length / 2));
        drop_midway(store.create(&upload(&at, &body, 1), endless), begun).await;
        assert!(store.head(&path(&at)).await.unwrap().is_none(), "{at}");
        let created = store.create(&upload(&at, &body, 2), Body::Whole(body.clone())).await.unwrap();
        assert_eq!(created, Creation::Created, "{at}");
    }
}

async fn every_size_comes_back_however_it_came<S: Objects>(store: &S) {
    let around = EDGES.into_iter().flat_map(|edge| [edge - 1, edge, edge + 1]);
    for (number, length) in [0, 1, 2].into_iter().chain(around).enumerate() {
        let body = bytes(length, 0);
        let whole = (0, Body::Whole(body.clone()));
        let ways = [1, 997, 65_536, 1 << 20].into_iter().filter(|piece| length / piece <= 40_000);
        let ways = ways.map(|piece| (piece, pieces(&body, piece, None)));
        for (piece, came) in [whole].into_iter().chain(ways) {
            let (at, id) = (format!("size/{length}/{piece}"), (number * 10) as u64);
            assert_eq!(store.create(&upload(&at, &body, id), came).await.unwrap(), Creation::Created, "{at}");
            assert!(read(store, &at).await.unwrap() == body, "{at}");
            assert_eq!(store.head(&path(&at)).await.unwrap().unwrap().size, length as u64, "{at}");
        }
    }
}

async fn every_range_is_the_one_that_was_asked_for<S: Objects>(store: &S) {
    const BLOCK: u64 = 64 << 10;
    for length in [0, 1, 100, 5 * BLOCK + 7] {
        let (at, body) = (format!("range/{length}"), bytes(length as usize, 0));
        assert_eq!(store.create(&upload(&at, &body, 1), Body::Whole(body.clone())).await.unwrap(), Creation::Created);
        let reader = store.find(&path(&at)).await.unwrap().unwrap().reader;
        let edges = [0, 1, 99, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, length.saturating_sub(1), length];
        let within = |at: &u64| *at <= length;
        for start in edges.into_iter().filter(within) {
            for end in edges.into_iter().filter(within).filter(|end| start <= *end) {
                let given = collected(reader.read(start..end).await.unwrap()).await.unwrap();
                assert!(given == body[start as usize..end as usize], "{at}: {start}..{end}");
                let later = collected(reader.read_later(start..end).await.unwrap()).await.unwrap();
                assert!(later == given, "{at}: {start}..{end}, later");
            }
        }
    }
}

/// Where no lifecycle rule would delete the file in time.
async fn an_entry_is_listed_when_creating_returns<S: Objects + Inventory>(store: &S) {
    for length in [100, 300_000] {
        let (at, body) = (format!("entry/{length}"), bytes(length, 0));
        let mut upload = upload(&at, &body, 1);
        upload.grant.expires = Some(Timestamp::from_seconds(4_000_000_000));
        assert_eq!(store.create(&upload, pieces(&body, 10_000, None)).await.unwrap(), Creation::Created, "{at}");
        let listed = store.list("expiry/2096-10-02T07/", None).await.unwrap().entries;
        let key = Key::of_upload(&path(&at));
        assert!(listed.iter().any(|entry| entry.key.ends_with(&format!("/{}", key.as_str()))), "{at}: {listed:?}");
    }
}

async fn what_is_removed_is_gone<S: Objects>(store: &S) {
    let (at, body, other) = (path("removed/a"), bytes(100, 0), bytes(200, 1));
    assert!(!store.remove(&at).await.unwrap());
    assert!(store.head(&at).await.unwrap().is_none());
    assert!(store.find(&at).await.unwrap().is_none());
    for (id, body) in [(1, &body), (2, &other)] {
        let created = store.create(&upload("removed/a", body, id), Body::Whole(body.clone())).await.unwrap();
        assert_eq!(created, Creation::Created);
        assert!(read(store, "removed/a").await.unwrap() == *body);
        assert!(store.remove(&at).await.unwrap());
        assert!(!store.remove(&at).await.unwrap());
        assert!(store.find(&at).await.unwrap().is_none());
    }
}

/// Not even where another file has come in its place.
async fn what_was_found_gives_no_other_bytes<S: Objects>(store: &S, has: Has) {
    for length in [100, 300_000] {
        let (at, body, other) = (format!("found/{length}"), bytes(length, 0), bytes(length, 1));
        let created = store.create(&upload(&at, &body, 1), Body::Whole(body.clone())).await.unwrap();
        assert_eq!(created, Creation::Created, "{at}");
        let reader = store.find(&path(&at)).await.unwrap().unwrap().reader;
        let begun = reader.read(0..length as u64).await.unwrap();
        assert!(store.remove(&path(&at)).await.unwrap(), "{at}");
        let after = whole(&reader, 0..length as u64).await;
        let created = store.create(&upload(&at, &other, 2), Body::Whole(other.clone())).await.unwrap();
        assert_eq!(created, Creation::Created, "{at}");
        let replaced = whole(&reader, 0..length as u64).await;
        for (when, given) in [("begun", collected(begun).await.ok()), ("removed", after), ("replaced", replaced)] {
            assert!(given.is_some() || !has.reads_after_removal, "{at}, {when}: it could not be read");
            assert!(given.is_none_or(|given| given == body), "{at}, {when}: other bytes");
        }
    }
}

async fn whole(reader: &impl Reader, range: Range<u64>) -> Option<Bytes> {
    collected(reader.read(range).await.ok()?).await.ok()
}
