//! GET and HEAD: ranges, conditions, stored headers.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};

use crate::support::{BUCKET, Fixture, code, pattern, status};

#[tokio::test]
async fn ranges_give_the_bytes_they_name() {
    let fixture = Fixture::start().await;
    let size = 600_000;
    let bytes = pattern(size);
    fixture.put("k", bytes.clone()).await;
    fixture.put("empty", "").await;
    let cases: [(&str, &str, Option<std::ops::Range<usize>>); 12] = [
        ("k", "bytes=0-0", Some(0..1)),
        ("k", "bytes=0-1", Some(0..2)),
        ("k", "bytes=599999-", Some(599_999..size)),
        ("k", "bytes=599999-599999", Some(599_999..size)),
        ("k", "bytes=100-999999999", Some(100..size)),
        ("k", "bytes=262143-262145", Some(262_143..262_146)),
        ("k", "bytes=-1", Some(size - 1..size)),
        ("k", "bytes=-600001", Some(0..size)),
        ("k", "bytes=600000-", None),
        ("k", "bytes=-0", None),
        ("empty", "bytes=0-", None),
        ("empty", "bytes=-1", None),
    ];
    for (key, range, expected) in cases {
        let got = fixture.client.get_object().bucket(BUCKET).key(key).range(range).send().await;
        let Some(expected) = expected else {
            assert_eq!((status(&got), code(&got)), (416, "InvalidRange".into()), "{key} {range}");
            continue;
        };
        let got = got.unwrap();
        let content_range = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
        assert_eq!(got.content_range.as_deref(), Some(content_range.as_str()), "{range}");
        assert_eq!(got.content_length, Some(expected.len() as i64));
        assert!(got.body.collect().await.unwrap().to_vec() == bytes[expected], "{range}");
    }
}

/// RFC 9110, section 14.2: a range is for GET only.
#[tokio::test]
async fn a_head_ignores_ranges() {
    let fixture = Fixture::start().await;
    fixture.put("k", "hello").await;
    for range in ["bytes=0-1", "bytes=-2", "bytes=5-", "bytes=2-1"] {
        // Signed, by the SDK; and not signed, with a presigned URL.
        let head = fixture.client.head_object().bucket(BUCKET).key("k").range(range).send().await;
        if range != "bytes=2-1" {
            let head = head.unwrap();
            assert_eq!((head.content_length, head.content_range), (Some(5), None), "{range}");
        }
        let presigning = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
        let url = fixture.client.head_object().bucket(BUCKET).key("k").presigned(presigning).await.unwrap();
        let path = url.uri().strip_prefix(&format!("http://{}", fixture.addr)).unwrap();
        let head = format!("HEAD {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", fixture.addr);
        let answer = fixture.raw(&format!("{head}Range: {range}\r\n\r\n")).await;
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("5")), "{range}");
        assert_eq!(answer.header("content-range"), None, "{range}");
    }
}

#[tokio::test]
async fn what_is_served_is_what_its_type_says() {
    let fixture = Fixture::start().await;
    fixture.put("k", "<script>").await;
    let presigning = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let url = fixture.client.get_object().bucket(BUCKET).key("k").presigned(presigning).await.unwrap();
    let path = url.uri().strip_prefix(&format!("http://{}", fixture.addr)).unwrap();
    for (range, status) in [("", 200), ("Range: bytes=0-1\r\n", 206), ("If-Match: \"x\"\r\n", 412)] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", fixture.addr);
        let answer = fixture.raw(&format!("{head}{range}\r\n")).await;
        assert_eq!((answer.status, answer.header("x-content-type-options")), (status, Some("nosniff")));
        assert_eq!(answer.header("x-amz-request-id").map(str::len), Some(16));
    }
}

#[tokio::test]
async fn a_304_says_what_the_200_would() {
    let fixture = Fixture::start().await;
    let put = fixture.client.put_object().bucket(BUCKET).key("k").cache_control("max-age=1");
    let etag = put.send().await.unwrap().e_tag.unwrap();
    for (asked, expected) in [(None, "max-age=1"), (Some("max-age=2, immutable"), "max-age=2, immutable")] {
        let get = fixture.client.get_object().bucket(BUCKET).key("k").set_response_cache_control(asked.map(Into::into));
        let presigning = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
        let url = get.presigned(presigning).await.unwrap();
        let path = url.uri().strip_prefix(&format!("http://{}", fixture.addr)).unwrap();
        for (condition, status) in [("If-None-Match", 304), ("If-Match", 200)] {
            let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", fixture.addr);
            let answer = fixture.raw(&format!("{head}{condition}: {etag}\r\n\r\n")).await;
            assert_eq!((answer.status, answer.header("cache-control")), (status, Some(expected)));
            assert_eq!(answer.header("etag"), Some(etag.as_str()));
        }
    }
}

#[tokio::test]
async fn conditions_decide_on_reading() {
    let fixture = Fixture::start().await;
    fixture.put("k", "x").await;
    let head = fixture.client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    let (etag, modified) = (head.e_tag.unwrap(), head.last_modified.unwrap());
    let earlier = DateTime::from_secs(modified.secs() - 1);
    let get = || fixture.client.get_object().bucket(BUCKET).key("k");
    let cases = [
        ("match", get().if_match(&etag), 200),
        ("match another", get().if_match("\"x\""), 412),
        ("match weakly", get().if_match(format!("W/{etag}")), 412),
        ("match in a list", get().if_match(format!("\"x\", {etag}")), 200),
        ("none match weakly", get().if_none_match(format!("W/{etag}")), 304),
        ("none match", get().if_none_match(&etag), 304),
        ("none match another", get().if_none_match("\"x\""), 200),
        ("none match any", get().if_none_match("*"), 304),
        ("modified since then", get().if_modified_since(modified), 304),
        ("modified since earlier", get().if_modified_since(earlier), 200),
        ("unmodified since then", get().if_unmodified_since(modified), 200),
        ("unmodified since earlier", get().if_unmodified_since(earlier), 412),
    ];
    for (case, request, expected) in cases {
        assert_eq!(status(&request.send().await), expected, "{case}");
    }
}

#[tokio::test]
async fn stored_headers_come_back_on_get_and_head() {
    let fixture = Fixture::start().await;
    let put = fixture.client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"x"));
    put.content_type("image/png")
        .content_disposition("attachment; filename*=UTF-8''%C3%BC.png")
        .content_language("de")
        .content_encoding("gzip")
        .cache_control("max-age=31556952, immutable")
        .expires(DateTime::from_secs(2_000_000_000))
        .metadata("owner", "a1b2")
        .metadata("name", "grüße")
        .send()
        .await
        .unwrap();
    let get = fixture.client.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    let head = fixture.client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(get.content_type, head.content_type);
    assert_eq!(head.content_type.as_deref(), Some("image/png"));
    assert_eq!(get.content_disposition, head.content_disposition);
    assert_eq!(head.content_disposition.as_deref(), Some("attachment; filename*=UTF-8''%C3%BC.png"));
    assert_eq!(head.content_language.as_deref(), Some("de"));
    assert_eq!(head.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(head.cache_control.as_deref(), Some("max-age=31556952, immutable"));
    assert_eq!(head.expires_string.as_deref(), Some("Wed, 18 May 2033 03:33:20 GMT"));
    assert_eq!(head.accept_ranges.as_deref(), Some("bytes"));
    let metadata = head.metadata.unwrap();
    assert_eq!(metadata["owner"], "a1b2");
    assert_eq!(get.metadata.unwrap(), metadata);
}

#[tokio::test]
async fn what_does_not_exist_is_404() {
    let fixture = Fixture::start().await;
    let get = fixture.client.get_object().bucket(BUCKET).key("k").send().await;
    assert_eq!((status(&get), code(&get)), (404, "NoSuchKey".into()));
    assert_eq!(status(&fixture.client.head_object().bucket(BUCKET).key("k").send().await), 404);
    let other = fixture.client.get_object().bucket("no-such-bucket").key("k").send().await;
    assert_eq!((status(&other), code(&other)), (404, "NoSuchBucket".into()));
    let put = fixture.client.put_object().bucket("no-such-bucket").key("k").send().await;
    assert_eq!((status(&put), code(&put)), (404, "NoSuchBucket".into()));
}

#[tokio::test]
async fn a_reader_goes_on_while_the_object_is_replaced_and_deleted() {
    let fixture = Fixture::start().await;
    let bytes = pattern(8 << 20);
    fixture.put("k", bytes.clone()).await;
    let reading = fixture.client.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    fixture.put("k", "new").await;
    fixture.client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert!(reading.body.collect().await.unwrap().to_vec() == bytes);
}
