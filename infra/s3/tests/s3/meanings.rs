//! What a header or a parameter asks for beyond the operation: done, or refused, and then nothing is changed.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder as Put;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    Delete, MetadataDirective, ObjectCannedAcl, ObjectIdentifier, ObjectLockMode, ServerSideEncryption, StorageClass,
    TaggingDirective,
};

use crate::support::{BUCKET, Fixture, code, status};

#[tokio::test]
async fn a_put_that_asks_for_more_is_refused_and_changes_nothing() {
    let fixture = Fixture::start().await;
    let put = || fixture.client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"tail"));
    type Ask = fn(Put) -> Put;
    let refused: [(&str, Ask); 9] = [
        ("an append", |put| put.write_offset_bytes(20)),
        ("encryption", |put| put.server_side_encryption(ServerSideEncryption::AwsKms)),
        ("encryption with a key", |put| put.sse_customer_algorithm("AES256").sse_customer_key("eA==")),
        ("a lock", |put| put.object_lock_mode(ObjectLockMode::Compliance)),
        ("an ACL", |put| put.acl(ObjectCannedAcl::PublicRead)),
        ("a grant", |put| put.grant_read("id=x")),
        ("tags", |put| put.tagging("a=b")),
        ("a storage class", |put| put.storage_class(StorageClass::Glacier)),
        ("an owner", |put| put.expected_bucket_owner("123456789012")),
    ];
    fixture.put("k", "the whole of twenty b").await;
    for (case, ask) in refused {
        let answer = ask(put()).send().await;
        assert_eq!((status(&answer), code(&answer).as_str()), (501, "NotImplemented"), "{case}");
        assert_eq!(fixture.get("k").await, b"the whole of twenty b", "{case}");
    }
    let done: [(&str, Ask); 2] = [
        ("what it does anyway", |put| put.acl(ObjectCannedAcl::Private).storage_class(StorageClass::Standard)),
        ("the owner's control", |put| put.acl(ObjectCannedAcl::BucketOwnerFullControl)),
    ];
    for (case, ask) in done {
        assert_eq!(status(&ask(put()).send().await), 200, "{case}");
    }
}

#[tokio::test]
async fn other_operations_refuse_what_they_do_not_do() {
    let fixture = Fixture::start().await;
    fixture.put("k", "x").await;
    let client: &Client = &fixture.client;
    let copy = || client.copy_object().bucket(BUCKET).key("copy").copy_source(format!("{BUCKET}/k"));
    let cases = [
        ("copy, tags", status(&copy().tagging("a=b").send().await)),
        ("copy, encrypted", status(&copy().server_side_encryption(ServerSideEncryption::Aes256).send().await)),
        (
            "read, with a key",
            status(&{
                let get = client.get_object().bucket(BUCKET).key("k");
                get.sse_customer_algorithm("AES256").sse_customer_key("eA==").send().await
            }),
        ),
        (
            "multipart, with a class",
            status(&{
                let create = client.create_multipart_upload().bucket(BUCKET).key("m");
                create.storage_class(StorageClass::DeepArchive).send().await
            }),
        ),
        ("ACL of the bucket", status(&client.get_bucket_acl().bucket(BUCKET).send().await)),
        (
            "a bucket with locks",
            status(&{ client.create_bucket().bucket("locked").object_lock_enabled_for_bucket(true).send().await }),
        ),
    ];
    for (case, status) in cases {
        assert_eq!(status, 501, "{case}");
    }
    let replaced = copy().metadata_directive(MetadataDirective::Replace).tagging_directive(TaggingDirective::Replace);
    assert_eq!(status(&replaced.send().await), 200);
}

#[tokio::test]
async fn a_delete_of_another_version_deletes_nothing() {
    let fixture = Fixture::start().await;
    fixture.put("k", "x").await;
    let one = |version: &str| fixture.client.delete_object().bucket(BUCKET).key("k").version_id(version).send();
    assert_eq!(code(&one("3sL4kqtJlcpXroDTDmJ").await), "NoSuchVersion");
    let object = || ObjectIdentifier::builder().key("k");
    for (object, expected) in [
        (object().version_id("3sL4kqtJlcpXroDTDmJ"), "NoSuchVersion"),
        (object().size(2), "NotImplemented"),
        (object().last_modified_time(DateTime::from_secs(1)), "NotImplemented"),
    ] {
        let batch = Delete::builder().objects(object.build().unwrap()).build().unwrap();
        let refused = fixture.client.delete_objects().bucket(BUCKET).delete(batch).send().await;
        assert_eq!(code(&refused), expected);
    }
    assert_eq!(fixture.get("k").await, b"x");
    assert_eq!(status(&one("null").await), 200);
    assert_eq!(status(&fixture.client.head_object().bucket(BUCKET).key("k").send().await), 404);
}

#[tokio::test]
async fn an_object_has_no_tags() {
    let fixture = Fixture::start().await;
    fixture.put("k", "x").await;
    let tags = |key: &str| fixture.client.get_object_tagging().bucket(BUCKET).key(key).send();
    assert!(tags("k").await.unwrap().tag_set().is_empty());
    assert_eq!(code(&tags("missing").await), "NoSuchKey");
}

#[tokio::test]
async fn buckets_are_listed_in_pages_where_the_client_wants_them() {
    let fixture = Fixture::start().await;
    for name in ["other-1", "other-2", "other-3"] {
        fixture.client.create_bucket().bucket(name).send().await.unwrap();
    }
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let list = fixture.client.list_buckets().prefix("other-").max_buckets(2).set_continuation_token(token);
        let page = list.send().await.unwrap();
        assert!(page.buckets().len() <= 2);
        seen.extend(page.buckets().iter().map(|bucket| bucket.name().unwrap().to_owned()));
        token = page.continuation_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["other-1", "other-2", "other-3"]);
    assert_eq!(fixture.client.list_buckets().send().await.unwrap().buckets().len(), 4);
}
