//! DeleteObject and DeleteObjects.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use crate::support::{BUCKET, Fixture, status};

fn delete(keys: impl IntoIterator<Item = String>, quiet: bool) -> Delete {
    let objects = keys.into_iter().map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    Delete::builder().set_objects(Some(objects.collect())).quiet(quiet).build().unwrap()
}

#[tokio::test]
async fn deleting_is_idempotent_and_removes_the_bytes() {
    let fixture = Fixture::start().await;
    fixture.put("k", "x").await;
    for _ in 0..2 {
        fixture.client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    }
    assert_eq!(status(&fixture.client.head_object().bucket(BUCKET).key("k").send().await), 404);
    let dir = fixture.stop().await;
    assert_eq!(crate::support::blob_files(dir.path()).len(), 0);
}

#[tokio::test]
async fn a_delete_with_another_etag_is_refused() {
    let fixture = Fixture::start().await;
    fixture.put("k", "x").await;
    let etag = fixture.client.head_object().bucket(BUCKET).key("k").send().await.unwrap().e_tag.unwrap();
    let delete = |tag: &str| fixture.client.delete_object().bucket(BUCKET).key("k").if_match(tag).send();
    assert_eq!(status(&delete("\"x\"").await), 412);
    assert_eq!(status(&delete(&etag).await), 200);
    assert_eq!(status(&delete(&etag).await), 412);
}

#[tokio::test]
async fn a_batch_deletes_what_it_names() {
    let fixture = Fixture::start().await;
    for key in ["a", "b", "c & <d>", "e"] {
        fixture.put(key, "x").await;
    }
    let names = ["a", "c & <d>", "never there"].map(str::to_owned);
    let batch = fixture.client.delete_objects().bucket(BUCKET).delete(delete(names, false)).send().await.unwrap();
    assert_eq!(batch.deleted().len(), 3);
    assert!(batch.errors().is_empty());
    let left = fixture.client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let left: Vec<_> = left.contents().iter().map(|object| object.key().unwrap().to_owned()).collect();
    assert_eq!(left, ["b", "e"]);
    let quiet = delete(["b".to_owned()], true);
    let quiet = fixture.client.delete_objects().bucket(BUCKET).delete(quiet).send().await.unwrap();
    assert!(quiet.deleted().is_empty());
}

#[tokio::test]
async fn a_batch_may_have_a_thousand_keys_and_no_more() {
    let fixture = Fixture::start().await;
    for (count, expected) in [(1000, 200), (1001, 400)] {
        let keys = (0..count).map(|n| format!("k{n}"));
        let batch = fixture.client.delete_objects().bucket(BUCKET).delete(delete(keys, false)).send().await;
        assert_eq!(status(&batch), expected, "{count} keys");
    }
}
