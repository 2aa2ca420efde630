//! CopyObject.

use std::os::unix::fs::MetadataExt;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::MetadataDirective;

use crate::support::{BUCKET, Fixture, code, pattern, status};

#[tokio::test]
async fn a_copy_shares_the_bytes_on_disk() {
    let fixture = Fixture::start().await;
    fixture.put("from", pattern(1 << 20)).await;
    let copy = fixture.client.copy_object().bucket(BUCKET).key("to").copy_source(format!("{BUCKET}/from"));
    copy.send().await.unwrap();
    let files = fixture.files();
    assert_eq!(files.len(), 2);
    let inodes: Vec<_> = files.iter().map(|file| std::fs::metadata(file).unwrap().ino()).collect();
    assert_eq!(inodes[0], inodes[1]);
    fixture.client.delete_object().bucket(BUCKET).key("from").send().await.unwrap();
    assert!(fixture.get("to").await == pattern(1 << 20));
}

#[tokio::test]
async fn a_copy_keeps_or_replaces_headers_as_directed() {
    let fixture = Fixture::start().await;
    let put = fixture.client.put_object().bucket(BUCKET).key("from").body(ByteStream::from_static(b"x"));
    put.content_type("image/png").metadata("a", "1").send().await.unwrap();
    let copy = |key: &str| {
        let source = format!("{BUCKET}/from");
        fixture.client.copy_object().bucket(BUCKET).key(key).copy_source(source).content_type("text/plain")
    };
    let kept = copy("kept").send().await.unwrap().copy_object_result.unwrap();
    assert!(kept.e_tag.is_some() && kept.last_modified.is_some());
    copy("replaced").metadata_directive(MetadataDirective::Replace).metadata("b", "2").send().await.unwrap();
    let head = |key: &str| fixture.client.head_object().bucket(BUCKET).key(key).send();
    let (kept, replaced) = (head("kept").await.unwrap(), head("replaced").await.unwrap());
    assert_eq!(kept.content_type.as_deref(), Some("image/png"));
    assert_eq!(kept.metadata.unwrap()["a"], "1");
    assert_eq!(replaced.content_type.as_deref(), Some("text/plain"));
    assert_eq!(replaced.metadata.unwrap().into_iter().collect::<Vec<_>>(), [("b".to_owned(), "2".to_owned())]);
}

#[tokio::test]
async fn conditions_on_both_ends_decide() {
    let fixture = Fixture::start().await;
    fixture.put("from", "x").await;
    fixture.put("taken", "y").await;
    let etag = fixture.client.head_object().bucket(BUCKET).key("from").send().await.unwrap().e_tag.unwrap();
    let copy = |key: &str| fixture.client.copy_object().bucket(BUCKET).key(key).copy_source(format!("{BUCKET}/from"));
    let cases = [
        ("source matches", copy("new1").copy_source_if_match(&etag), 200),
        ("source differs", copy("new2").copy_source_if_match("\"x\""), 412),
        ("source must differ", copy("new3").copy_source_if_none_match(&etag), 412),
        ("destination is new", copy("new4").if_none_match("*"), 200),
        ("destination is taken", copy("taken").if_none_match("*"), 412),
        ("onto itself", copy("from"), 400),
    ];
    for (case, request, expected) in cases {
        assert_eq!(status(&request.send().await), expected, "{case}");
    }
    assert_eq!(fixture.get("taken").await, b"y");
    let missing = fixture.client.copy_object().bucket(BUCKET).key("k").copy_source(format!("{BUCKET}/no")).send().await;
    assert_eq!((status(&missing), code(&missing)), (404, "NoSuchKey".into()));
}
