//! Buckets, their configurations, the counters and the events.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter,
};
use satchel_s3::{CreatedBy, ServerOptions};

use crate::support::{BUCKET, Fixture, code, soon, status};

#[tokio::test]
async fn buckets_are_created_listed_and_deleted() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    client.create_bucket().bucket(BUCKET).send().await.unwrap();
    client.create_bucket().bucket("another").send().await.unwrap();
    let listed = client.list_buckets().send().await.unwrap();
    let names: Vec<_> = listed.buckets().iter().map(|bucket| bucket.name().unwrap()).collect();
    assert_eq!(names, ["another", BUCKET]);
    assert_eq!(status(&client.head_bucket().bucket(BUCKET).send().await), 200);
    assert_eq!(status(&client.head_bucket().bucket("missing").send().await), 404);
    fixture.put("k", "x").await;
    let full = client.delete_bucket().bucket(BUCKET).send().await;
    assert_eq!((status(&full), code(&full)), (409, "BucketNotEmpty".into()));
    assert_eq!(status(&client.delete_bucket().bucket("another").send().await), 200);
    assert_eq!(status(&client.head_bucket().bucket("another").send().await), 404);
}

#[tokio::test]
async fn the_region_is_the_one_given() {
    let fixture = Fixture::with(ServerOptions { region: "eu-west-3".into(), ..ServerOptions::default() }).await;
    let location = fixture.client.get_bucket_location().bucket(BUCKET).send().await.unwrap();
    assert_eq!(location.location_constraint().unwrap().as_str(), "eu-west-3");
    let head = fixture.client.head_bucket().bucket(BUCKET).send().await.unwrap();
    assert_eq!(head.bucket_region(), Some("eu-west-3"));
}

#[tokio::test]
async fn lifecycle_rules_come_back_as_given() {
    let fixture = Fixture::start().await;
    let rule = |id: &str| {
        let filter = LifecycleRuleFilter::builder().prefix("incoming/").build();
        LifecycleRule::builder().id(id).filter(filter).status(ExpirationStatus::Enabled)
    };
    let expire = rule("expire").expiration(LifecycleExpiration::builder().days(30).build()).build().unwrap();
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build();
    let abort = rule("abort").abort_incomplete_multipart_upload(abort).build().unwrap();
    let rules = vec![expire, abort];
    let given = BucketLifecycleConfiguration::builder().set_rules(Some(rules.clone())).build().unwrap();
    let put = fixture.client.put_bucket_lifecycle_configuration().bucket(BUCKET).lifecycle_configuration(given);
    put.send().await.unwrap();

    let fixture = Fixture::on(fixture.stop().await, ServerOptions::default()).await;
    let got = fixture.client.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await.unwrap();
    assert_eq!(got.rules(), rules);
    fixture.client.delete_bucket_lifecycle().bucket(BUCKET).send().await.unwrap();
    let none = fixture.client.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await;
    assert_eq!(code(&none), "NoSuchLifecycleConfiguration");
}

#[tokio::test]
async fn what_is_not_implemented_says_so() {
    let fixture = Fixture::start().await;
    let acl = fixture.client.get_bucket_acl().bucket(BUCKET).send().await;
    assert_eq!((status(&acl), code(&acl)), (501, "NotImplemented".into()));
}

#[tokio::test]
async fn signed_requests_are_counted_by_operation() {
    let fixture = Fixture::start().await;
    fixture.put("k", "x").await;
    fixture.put("k", "x").await;
    fixture.get("k").await;
    fixture.raw(&format!("GET /{BUCKET}/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
    let expected = [("CreateBucket", 1), ("GetObject", 1), ("PutObject", 2)].map(|(name, n)| (name.to_owned(), n));
    assert_eq!(fixture.requests.by_operation(), expected.into());
    assert_eq!((fixture.requests.count("PutObject"), fixture.requests.count("HeadObject")), (2, 0));
    assert_eq!(fixture.requests.total(), 4);
}

#[tokio::test]
async fn subscribers_hear_of_every_object_once_it_is_there() {
    let fixture = Fixture::start().await;
    let mut created = fixture.store.subscribe();
    let deaf = fixture.store.subscribe();
    drop(deaf);
    fixture.put("a ü", "hello").await;
    let event = soon(created.recv()).await.unwrap();
    assert_eq!((event.bucket.as_str(), event.key.as_str(), event.size), (BUCKET, "a ü", 5));
    assert_eq!(event.etag, "5d41402abc4b2a76b9719d911017c592");
    assert_eq!((event.by, event.by.event_name()), (CreatedBy::Put, "ObjectCreated:Put"));
    let refused = fixture.client.put_object().bucket(BUCKET).key("a ü").if_none_match("*");
    assert_eq!(status(&refused.body(ByteStream::from_static(b"x")).send().await), 412);
    let copy = fixture.client.copy_object().bucket(BUCKET).key("b").copy_source(format!("{BUCKET}/a%20%C3%BC"));
    copy.send().await.unwrap();
    let event = soon(created.recv()).await.unwrap();
    assert_eq!((event.key.as_str(), event.by), ("b", CreatedBy::Copy));
    fixture.stop().await;
    assert_eq!(soon(created.recv()).await, None);
}
