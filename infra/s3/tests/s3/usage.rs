//! Totals without counting, and walks over everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use satchel_s3::{Expired, LifecycleRule, Listed, ServerOptions, Stock, StoreError, Usage};
use tokio::task::JoinSet;

use crate::multipart::{begin, part, parts};
use crate::support::{BUCKET, Fixture, pattern, soon};

async fn totals(usage: &Usage) -> (u64, u64) {
    let Stock { objects, bytes } = soon(usage.counted()).await;
    assert_eq!(usage.now(), Some(Stock { objects, bytes }));
    (objects, bytes)
}

#[tokio::test]
async fn every_way_to_make_or_lose_an_object_changes_the_totals() {
    let fixture = Fixture::start().await;
    let usage = fixture.store.usage(BUCKET, "a/").await.unwrap();
    let client = &fixture.client;
    assert_eq!(totals(&usage).await, (0, 0));
    fixture.put("a/one", pattern(10)).await;
    fixture.put("b/elsewhere", pattern(1_000)).await;
    assert_eq!(totals(&usage).await, (1, 10), "stored");
    fixture.put("a/one", pattern(4)).await;
    assert_eq!(totals(&usage).await, (1, 4), "replaced");
    fixture.put("a/empty", pattern(0)).await;
    assert_eq!(totals(&usage).await, (2, 4), "empty");
    let copy = client.copy_object().bucket(BUCKET).key("a/copy").copy_source(format!("{BUCKET}/b/elsewhere"));
    copy.send().await.unwrap();
    assert_eq!(totals(&usage).await, (3, 1_004), "copied");
    let id = begin(&fixture, "a/parts").await;
    let only = part(&fixture, "a/parts", &id, 1, pattern(7)).await;
    assert_eq!(totals(&usage).await, (3, 1_004), "a part is no object");
    let complete = client.complete_multipart_upload().bucket(BUCKET).key("a/parts").upload_id(&id);
    complete.multipart_upload(parts([only])).send().await.unwrap();
    assert_eq!(totals(&usage).await, (4, 1_011), "completed");
    let refused = client.put_object().bucket(BUCKET).key("a/one").if_none_match("*").send().await;
    assert!(refused.is_err());
    client.delete_object().bucket(BUCKET).key("a/nothing").send().await.unwrap();
    assert_eq!(totals(&usage).await, (4, 1_011), "what changes nothing does not count");
    client.delete_object().bucket(BUCKET).key("a/copy").send().await.unwrap();
    let both = ["a/one", "a/empty"].map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(both.to_vec())).build().unwrap();
    client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert_eq!(totals(&usage).await, (1, 7), "deleted");
    fixture.stop().await;
}

#[tokio::test]
async fn what_lifecycle_rules_expire_leaves_the_totals() {
    let clock = Arc::new(AtomicU64::new(0));
    let fixture = Fixture::at(&clock).await;
    let usage = fixture.store.usage(BUCKET, "a/").await.unwrap();
    let rule = |prefix: &str| LifecycleRule {
        id: prefix.into(),
        prefix: prefix.into(),
        expire_after_days: Some(1),
        abort_after_days: None,
        ..LifecycleRule::default()
    };
    fixture.store.set_lifecycle(BUCKET, &[rule("a/old/"), rule("b/")]).await.unwrap();
    for key in ["a/old/1", "a/old/2", "a/kept", "b/elsewhere"] {
        fixture.put(key, pattern(5)).await;
    }
    assert_eq!(totals(&usage).await, (3, 15));
    clock.store(2 * 86_400_000, Ordering::SeqCst);
    let Expired { objects, bytes, .. } = fixture.store.apply_lifecycle(BUCKET).await.unwrap();
    assert_eq!((objects, bytes), (3, 15));
    assert_eq!(totals(&usage).await, (1, 5));
    fixture.stop().await;
}

#[tokio::test]
async fn what_was_there_before_is_counted_once() {
    let fixture = Fixture::start().await;
    for number in 0..50 {
        fixture.put(&format!("a/{number}"), pattern(number)).await;
    }
    let fixture = Fixture::on(fixture.stop().await, ServerOptions::default()).await;
    let mut writers = JoinSet::new();
    let (store, client) = (fixture.store.clone(), fixture.client.clone());
    let begun = tokio::spawn(async move { store.usage(BUCKET, "a/").await.unwrap() });
    for number in 50..100 {
        let put = client.put_object().bucket(BUCKET).key(format!("a/{number}")).body(pattern(number).into());
        writers.spawn(put.send());
    }
    writers.join_all().await.into_iter().for_each(|put| drop(put.unwrap()));
    assert_eq!(totals(&begun.await.unwrap()).await, (100, (0..100).sum()));
    fixture.stop().await;
}

#[tokio::test]
async fn a_walk_sees_what_is_under_its_prefix_in_order() {
    let fixture = Fixture::start().await;
    for key in ["a/2", "a/1", "a", "b/1"] {
        fixture.put(key, pattern(key.len())).await;
    }
    let note = |seen: &mut Vec<(String, u64)>, object: &Listed<'_>| {
        assert!(object.modified > 1_600_000_000_000 && object.metadata.is_empty());
        seen.push((object.key.to_owned(), object.size));
    };
    let seen = fixture.store.walk(BUCKET, "a/", Vec::new(), note).await.unwrap();
    assert_eq!(seen, [("a/1".to_owned(), 3), ("a/2".to_owned(), 3)]);
    assert_eq!(fixture.store.walk(BUCKET, "", Vec::new(), note).await.unwrap().len(), 4);
    assert!(fixture.store.walk("other", "", Vec::new(), note).await.unwrap().is_empty());
    let store = fixture.store.clone();
    fixture.stop().await;
    assert!(matches!(store.walk(BUCKET, "", Vec::new(), note).await, Err(StoreError::Closed)));
    assert!(store.usage(BUCKET, "").await.is_err());
}
