//! Uploads that reach S3 by themselves, through the URL of a redirect.

use std::sync::Arc;

use satchel_store::{
    Sealing as _,
    sealing::{Sealed, seal},
};
use tokio::task::JoinSet;

use crate::support::{Answer, PlainS3, Request, World, follow_with, path, tokens};

/// What a front gets for the headers alone.
async fn redirect(world: &World, path: &str, size: usize) -> Answer {
    let answer =
        world.send(&Request::new("PUT", &tokens::v1(path, size)).header("X-Upload-Length", size.to_string())).await;
    assert_eq!(answer.status, 307);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer
}

#[tokio::test]
async fn a_redirected_put_is_served_at_once() {
    let world = World::with_s3().await;
    let redirect = redirect(&world, "u/a.txt", 5).await;
    let url = redirect.location();
    assert!(url.path().starts_with("/satchel/incoming/u/a.txt/"), "{url}");
    let expires = url.query_pairs().find(|(name, _)| name == "X-Amz-Expires").unwrap().1.into_owned();
    assert_eq!(expires, "300");
    let stored = follow_with(&redirect, "PUT", &[("Content-Type", "text/html")], b"hello").await;
    assert_eq!(stored.status, 200, "another content type is accepted");
    let fetched = world.fetch("/upload/u/a.txt").await;
    assert_eq!((fetched.status, fetched.body.as_slice()), (200, b"hello".as_slice()));
    assert_eq!(fetched.header("content-type"), Some("text/plain"), "the granted type is served");
    world.stop().await;
}

#[tokio::test]
async fn a_recipient_who_is_faster_than_the_event_gets_the_file() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    let redirect = redirect(&world, "u/a", 5).await;
    assert_eq!(world.get("/upload/u/a").await.status, 404, "granted is not stored");
    assert_eq!(follow_with(&redirect, "PUT", &[], b"hello").await.status, 200);
    assert!(world.keys("uploads/").await.is_empty());
    assert_eq!(world.fetch("/upload/u/a").await.body, b"hello");
    assert_eq!(world.keys("").await, ["uploads/u/a"]);
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn a_redirected_put_has_the_announced_digest() {
    let world = World::with_s3().await;
    let digest = satchel_core::digest::Sha256Digest::of(b"hello").to_base64();
    let announced = Request::new("PUT", &tokens::v1("u/a", 5))
        .header("X-Upload-Length", "5")
        .header("Content-Digest", format!("sha-256=:{digest}:"));
    let redirect = world.send(&announced).await;
    let checksum = [("x-amz-checksum-sha256", digest.as_str())];
    assert_eq!(follow_with(&redirect, "PUT", &[], b"hello").await.status, 403, "the checksum is signed");
    assert_eq!(follow_with(&redirect, "PUT", &checksum, b"other").await.status, 400, "and checked");
    assert_eq!(follow_with(&redirect, "PUT", &checksum, b"hello").await.status, 200);
    assert_eq!(world.fetch("/upload/u/a").await.body, b"hello");
    world.stop().await;
}

#[tokio::test]
async fn a_presigned_put_can_be_made_into_nothing_else() {
    let world = World::with_s3().await;
    world.store("secret/file", b"hello").await;
    let redirect = redirect(&world, "u/a", 5).await;
    for header in ["x-amz-copy-source", "x-amz-meta-owner", "x-amz-acl"] {
        let answer = follow_with(&redirect, "PUT", &[(header, "/satchel/uploads/secret/file")], b"other").await;
        assert_eq!(answer.status, 403, "{header}");
    }
    assert_eq!(world.keys("").await, ["uploads/secret/file"]);
    world.stop().await;
}

#[tokio::test]
async fn a_redirected_put_has_exactly_the_granted_size() {
    let world = World::with_s3().await;
    for body in [b"hell".as_slice(), b"hello!"] {
        let redirect = redirect(&world, "u/a", 5).await;
        assert_eq!(follow_with(&redirect, "PUT", &[], body).await.status, 403);
    }
    assert!(world.is_empty().await);
    world.stop().await;
}

#[tokio::test]
async fn a_replayed_put_never_changes_what_was_sealed() {
    let world = World::with_s3().await;
    let redirect = redirect(&world, "u/a", 5).await;
    assert_eq!(follow_with(&redirect, "PUT", &[], b"first").await.status, 200);
    assert_eq!(world.fetch("/upload/u/a").await.body, b"first");
    assert_eq!(follow_with(&redirect, "PUT", &[], b"other").await.status, 200);
    assert_eq!(world.fetch("/upload/u/a").await.body, b"first");
    world.stop().await;
}

#[tokio::test]
async fn grants_of_longer_paths_are_not_taken_for_this_ones() {
    let world = World::with_s3().await;
    let longer = redirect(&world, "u/a/b", 5).await;
    assert_eq!(follow_with(&longer, "PUT", &[], b"inner").await.status, 200);
    assert_eq!(world.get("/upload/u/a").await.status, 404);
    assert_eq!(world.fetch("/upload/u/a/b").await.body, b"inner");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_seals_of_one_upload_give_one_object_and_all_say_so() {
    let world = Arc::new(World::with_s3().await);
    let path = path("u/a");
    for _ in 0..5 {
        let redirect = redirect(&world, "u/a", 5).await;
        assert_eq!(follow_with(&redirect, "PUT", &[], b"hello").await.status, 200);
        let storage = world.storage();
        let waiting = storage.incoming(&path).await.unwrap();
        let mut seals = JoinSet::new();
        for _ in 0..20 {
            let (storage, waiting) = (storage.clone(), waiting.clone());
            seals.spawn(async move {
                match waiting.first() {
                    Some(incoming) => seal(&storage, incoming).await.unwrap(),
                    // The store's event was faster.
                    None => Sealed::Ours,
                }
            });
        }
        let sealed = seals.join_all().await;
        assert!(sealed.iter().all(|sealed| matches!(sealed, Sealed::Promoted | Sealed::Ours)), "{sealed:?}");
        assert!(sealed.iter().filter(|sealed| matches!(sealed, Sealed::Promoted)).count() <= 1, "counted once");
        assert_eq!(world.keys("uploads/").await, ["uploads/u/a"]);
        assert_eq!(world.fetch("/upload/u/a").await.body, b"hello");
        storage.delete(&path).await.unwrap();
    }
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test]
async fn an_upload_of_another_size_than_granted_is_discarded() {
    let world = World::with_s3().await;
    let redirect = redirect(&world, "u/a", 5).await;
    let key = redirect.location().path().strip_prefix("/satchel/").unwrap().to_owned();
    // Past the signature, as only the bucket's owner could.
    world.s3().put_object().bucket("satchel").key(key).body(b"longer".to_vec().into()).send().await.unwrap();
    assert_eq!(world.get("/upload/u/a").await.status, 404);
    assert!(world.is_empty().await);
    world.stop().await;
}
