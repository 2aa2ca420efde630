//! Small documents: every edit counts.

use bytes::Bytes;
use futures_util::future::join_all;
use satchel_core::{grant::OwnerId, object_key::Key};

use crate::{
    Condition, Documents, Written,
    editor::{DocumentError, Editor},
};

/// Runs all checks, each on a store that `make` gives. Stores may be one and the same: each check has names of its own.
///
/// # Panics
/// The store does not keep to one of them.
pub async fn documents<D: Documents>(make: impl AsyncFn() -> D) {
    conditions_hold_exactly(&make().await).await;
    of_64_racing_first_writers_one_wins(&make().await).await;
    of_64_editors_each_counts(&make().await).await;
    keys_come_in_order(&make().await).await;
    an_editor_loses_nothing(&make().await).await;
}

/// The key of a document: one of a thousand for each check.
fn key(check: u64, number: u64) -> Key {
    Key::of_ledger(OwnerId::parse(&format!("{:040x}", check << 16 | number)).unwrap())
}

async fn put<D: Documents>(store: &D, key: &Key, body: &'static str, condition: Condition<'_>) -> Written {
    store.put(key, Bytes::from_static(body.as_bytes()), condition).await.unwrap()
}

async fn conditions_hold_exactly<D: Documents>(store: &D) {
    let key = key(1, 1);
    assert_eq!(store.get(&key).await.unwrap(), None);
    let nobodys = "\"0123456789abcdef0123456789abcdef\"";
    assert_eq!(put(store, &key, "a", Condition::Matches(nobodys)).await, Written::Changed);
    assert_eq!(store.get(&key).await.unwrap(), None, "a failed condition writes nothing");
    assert_eq!(put(store, &key, "a", Condition::Absent).await, Written::Done);
    let first = store.get(&key).await.unwrap().unwrap();
    assert_eq!(&first.body[..], b"a");
    assert_eq!(put(store, &key, "b", Condition::Absent).await, Written::Changed);
    assert_eq!(store.get(&key).await.unwrap().unwrap(), first, "a failed condition writes nothing");
    assert_eq!(put(store, &key, "b", Condition::Matches(&first.etag)).await, Written::Done);
    let second = store.get(&key).await.unwrap().unwrap();
    assert!(second.etag != first.etag && &second.body[..] == b"b");
    assert_eq!(put(store, &key, "c", Condition::Matches(&first.etag)).await, Written::Changed);
    assert_eq!(store.get(&key).await.unwrap().unwrap(), second);
}

async fn of_64_racing_first_writers_one_wins<D: Documents>(store: &D) {
    let key = key(2, 1);
    let racing = (0..64).map(async |number: u32| {
        let body = Bytes::from(number.to_string());
        (store.put(&key, body.clone(), Condition::Absent).await.unwrap(), body)
    });
    let outcomes = join_all(racing).await;
    let won: Vec<_> = outcomes.iter().filter(|(written, _)| *written == Written::Done).collect();
    let [(_, body)] = won[..] else { panic!("{won:?}") };
    assert_eq!(store.get(&key).await.unwrap().unwrap().body, *body);
}

/// Each version is another document, as a ledger's are.
async fn of_64_editors_each_counts<D: Documents>(store: &D) {
    let key = key(3, 1);
    let racing = (0..64).map(async |_: u32| {
        loop {
            let known = store.get(&key).await.unwrap();
            let count = known.as_ref().map_or(0, |known| String::from_utf8_lossy(&known.body).parse::<u32>().unwrap());
            let condition = known.as_ref().map_or(Condition::Absent, |known| Condition::Matches(&known.etag));
            if store.put(&key, (count + 1).to_string().into(), condition).await.unwrap() == Written::Done {
                return;
            }
        }
    });
    join_all(racing).await;
    assert_eq!(&store.get(&key).await.unwrap().unwrap().body[..], b"64");
}

async fn keys_come_in_order<D: Documents>(store: &D) {
    let keys: Vec<Key> = (0..40).map(|number| key(4, number)).collect();
    for key in keys.iter().rev() {
        assert_eq!(put(store, key, "", Condition::Absent).await, Written::Done);
    }
    let prefix = keys[0].as_str();
    let listed = store.keys(&prefix[..prefix.len() - 4]).await.unwrap();
    assert_eq!(listed, keys.iter().map(|key| key.as_str().to_owned()).collect::<Vec<_>>());
    assert_eq!(store.keys("ledger/none/").await.unwrap(), [] as [&str; 0]);
}

/// As those of several processes, each of which has an editor of its own.
async fn an_editor_loses_nothing<D: Documents>(store: &D) {
    let key = key(5, 1);
    let racing = (0..16_u32).map(async |number| {
        let step = |known: &mut Vec<u32>| {
            known.push(number);
            Ok::<_, DocumentError>(())
        };
        Editor::new(store.clone()).edit(&key, None, step).await.unwrap();
    });
    join_all(racing).await;
    let mut known: Vec<u32> = Editor::new(store.clone()).read(&key).await.unwrap().value;
    known.sort_unstable();
    assert_eq!(known, (0..16).collect::<Vec<_>>());
}
