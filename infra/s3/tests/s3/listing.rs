//! Listings, compared with a model.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{BUCKET, Dice, Fixture, status};

const ALPHABET: [&str; 8] = ["a", "b", "/", "/", "ä", "+", "0", "~"];

fn word(dice: &mut Dice, most: usize) -> String {
    (0..dice.below(most + 1)).map(|_| *dice.pick(&ALPHABET)).collect()
}

/// S3's rules on the whole bucket: keys and rolled-up prefixes that come after `after`, in order.
fn model(keys: &BTreeMap<String, usize>, prefix: &str, delimiter: &str, after: &str) -> Vec<(bool, String)> {
    let mut all = BTreeSet::new();
    for key in keys.keys().filter(|key| key.starts_with(prefix) && key.as_str() > after) {
        let rest = &key[prefix.len()..];
        match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => {
                let common = &key[..prefix.len() + at + delimiter.len()];
                if common != after {
                    all.insert((common.to_owned(), true));
                }
            }
            None => drop(all.insert((key.clone(), false))),
        }
    }
    all.into_iter().map(|(name, common)| (common, name)).collect()
}

/// One page as `(is a common prefix, name)`, in order, and the token for the next.
async fn page(
    fixture: &Fixture,
    (prefix, delimiter, after): (&str, &str, &str),
    max_keys: i32,
    token: Option<String>,
) -> (Vec<(bool, String)>, Option<String>) {
    let list = fixture.client.list_objects_v2().bucket(BUCKET).prefix(prefix).max_keys(max_keys);
    let list = list.set_delimiter(Some(delimiter.to_owned()).filter(|delimiter| !delimiter.is_empty()));
    let list = list.set_start_after(Some(after.to_owned()).filter(|after| !after.is_empty()));
    let page = list.set_continuation_token(token).send().await.unwrap();
    assert_eq!(page.is_truncated(), Some(page.next_continuation_token().is_some()));
    let keys = page.contents().iter().map(|object| (object.key().unwrap().to_owned(), false));
    let prefixes = page.common_prefixes().iter().map(|common| (common.prefix().unwrap().to_owned(), true));
    let entries: BTreeSet<_> = keys.chain(prefixes).collect();
    assert_eq!(page.key_count(), Some(entries.len() as i32));
    assert!(entries.len() <= max_keys as usize);
    (entries.into_iter().map(|(name, common)| (common, name)).collect(), page.next_continuation_token)
}

#[tokio::test]
async fn pages_agree_with_the_model() {
    let fixture = Fixture::start().await;
    let mut dice = Dice::new(0x5a7c_4e11_0000_0001);
    let mut keys = BTreeMap::new();
    while keys.len() < 60 {
        let key = word(&mut dice, 6);
        if !key.is_empty() {
            fixture.put(&key, vec![b'x'; key.len()]).await;
            keys.insert(key.clone(), key.len());
        }
    }
    for round in 0..250 {
        let (prefix, after) = (word(&mut dice, 2), word(&mut dice, 3));
        let delimiter = *dice.pick(&["", "/", "/", "a", "/a", "ä"]);
        let max_keys = 1 + dice.below(12) as i32;
        let (mut listed, mut token) = (Vec::new(), None);
        loop {
            let (entries, next) = page(&fixture, (&prefix, delimiter, &after), max_keys, token).await;
            listed.extend(entries);
            token = next;
            if token.is_none() {
                break;
            }
        }
        let expected = model(&keys, &prefix, delimiter, &after);
        assert_eq!(listed, expected, "round {round}: {prefix:?} {delimiter:?} after {after:?} by {max_keys}");
    }
}

#[tokio::test]
async fn version_one_pages_by_marker() {
    let fixture = Fixture::start().await;
    for key in ["a", "b/1", "b/2", "c", "d/1"] {
        fixture.put(key, "x").await;
    }
    let (mut seen, mut marker) = (Vec::new(), None);
    loop {
        let list = fixture.client.list_objects().bucket(BUCKET).delimiter("/").max_keys(1).set_marker(marker);
        let page = list.send().await.unwrap();
        seen.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        seen.extend(page.common_prefixes().iter().map(|common| common.prefix().unwrap().to_owned()));
        marker = page.next_marker;
        if page.is_truncated != Some(true) {
            break;
        }
    }
    assert_eq!(seen, ["a", "b/", "c", "d/"]);
}

#[tokio::test]
async fn pages_have_from_0_to_1000_keys() {
    let fixture = Fixture::start().await;
    fixture.put("a", "x").await;
    let list = |max_keys| fixture.client.list_objects_v2().bucket(BUCKET).max_keys(max_keys).send();
    let none = list(0).await.unwrap();
    assert_eq!((none.contents().len(), none.is_truncated()), (0, Some(false)));
    assert_eq!(list(1).await.unwrap().is_truncated(), Some(false));
    assert_eq!(list(5000).await.unwrap().max_keys(), Some(1000));
    assert_eq!(status(&list(-1).await), 400);
    let bad = fixture.client.list_objects_v2().bucket(BUCKET).continuation_token("?").send().await;
    assert_eq!(status(&bad), 400);
}

#[tokio::test]
async fn buckets_do_not_see_each_others_keys() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let others = [format!("{BUCKET}-2"), "aaa".to_owned()];
    for bucket in &others {
        client.create_bucket().bucket(bucket).send().await.unwrap();
        client.put_object().bucket(bucket).key("theirs").send().await.unwrap();
    }
    fixture.put("ours", "x").await;
    let listed = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(listed.contents().iter().map(|object| object.key().unwrap()).collect::<Vec<_>>(), ["ours"]);
}
