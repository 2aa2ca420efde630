//! Presigned URLs: what they allow, and everything they do not.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};

use crate::support::{Answer, BUCKET, Fixture, client};

fn in_a_minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()
}

fn path(fixture: &Fixture, presigned: &PresignedRequest) -> String {
    presigned.uri().strip_prefix(&format!("http://{}", fixture.addr)).unwrap().to_owned()
}

async fn send(fixture: &Fixture, method: &str, path: &str, more: &str, body: &str) -> Answer {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{more}", fixture.addr);
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    fixture.raw(&format!("{head}{length}\r\n{body}")).await
}

#[tokio::test]
async fn urls_allow_their_method_on_their_key_and_nothing_else() {
    let fixture = Fixture::start().await;
    fixture.put("k", "hello").await;
    let get = fixture.client.get_object().bucket(BUCKET).key("k").presigned(in_a_minute()).await.unwrap();
    let get = path(&fixture, &get);
    let answer = send(&fixture, "GET", &get, "", "").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    let range = send(&fixture, "GET", &get, "Range: bytes=1-2\r\n", "").await;
    assert_eq!((range.status, range.text().as_str()), (206, "el"));
    let several = send(&fixture, "GET", &get, "Range: bytes=0-0,2-3\r\n", "").await;
    assert_eq!((several.status, several.text().as_str()), (200, "hello"));
    let resumed = send(&fixture, "GET", &get, "Range: bytes=1-\r\nIf-Range: \"another\"\r\n", "").await;
    assert_eq!((resumed.status, resumed.text().as_str()), (200, "hello"));

    assert_eq!(send(&fixture, "HEAD", &get, "", "").await.status, 403);
    assert_eq!(send(&fixture, "PUT", &get, "", "x").await.status, 403);
    assert_eq!(send(&fixture, "DELETE", &get, "", "").await.status, 403);
    assert_eq!(send(&fixture, "GET", &get.replacen("/k?", "/other?", 1), "", "").await.status, 403);
    assert_eq!(send(&fixture, "GET", &format!("{get}&response-content-type=text/html"), "", "").await.status, 403);
    assert_eq!(send(&fixture, "GET", &format!("/{BUCKET}/k"), "", "").await.status, 403);
    let both = send(&fixture, "GET", &get, "Authorization: Bearer x\r\n", "").await;
    assert_eq!(both.status, 400, "{}", both.text());
}

#[tokio::test]
async fn overrides_work_on_get_and_on_head() {
    let fixture = Fixture::start().await;
    fixture.put("k", "hello").await;
    let disposition = "attachment; filename*=UTF-8''%C3%BC%20+.png";
    let get = fixture.client.get_object().bucket(BUCKET).key("k").response_content_type("image/png");
    let get = get.response_content_disposition(disposition).response_cache_control("max-age=1, immutable");
    let get = get.presigned(in_a_minute()).await.unwrap();
    let head = fixture.client.head_object().bucket(BUCKET).key("k").response_content_type("image/png");
    let head = head.response_content_disposition(disposition).response_cache_control("max-age=1, immutable");
    let head = head.presigned(in_a_minute()).await.unwrap();
    for (method, presigned) in [("GET", get), ("HEAD", head)] {
        let answer = send(&fixture, method, &path(&fixture, &presigned), "", "").await;
        assert_eq!(answer.status, 200, "{method}");
        assert_eq!(answer.header("Content-Type"), Some("image/png"), "{method}");
        assert_eq!(answer.header("Content-Disposition"), Some(disposition), "{method}");
        assert_eq!(answer.header("Cache-Control"), Some("max-age=1, immutable"), "{method}");
        assert_eq!(answer.header("Content-Length"), Some("5"), "{method}");
        assert_eq!(answer.text(), if method == "GET" { "hello" } else { "" });
    }
}

#[tokio::test]
async fn expired_and_foreign_urls_are_403() {
    let fixture = Fixture::start().await;
    fixture.put("k", "hello").await;
    let past = PresigningConfig::builder().start_time(SystemTime::now() - Duration::from_secs(61));
    let past = past.expires_in(Duration::from_secs(60)).build().unwrap();
    let expired = fixture.client.get_object().bucket(BUCKET).key("k").presigned(past).await.unwrap();
    assert_eq!(send(&fixture, "GET", &path(&fixture, &expired), "", "").await.status, 403);

    let future = PresigningConfig::builder().start_time(SystemTime::now() + Duration::from_secs(3600));
    let future = future.expires_in(Duration::from_secs(60)).build().unwrap();
    let early = fixture.client.get_object().bucket(BUCKET).key("k").presigned(future).await.unwrap();
    assert_eq!(send(&fixture, "GET", &path(&fixture, &early), "", "").await.status, 403);

    let config = client(fixture.addr).config().to_builder();
    let foreign = |access: &str, secret: &str| {
        let credentials = aws_sdk_s3::config::Credentials::new(access, secret, None, None, "test");
        aws_sdk_s3::Client::from_conf(config.clone().credentials_provider(credentials).build())
    };
    for (access, secret) in [("AKIDSATCHEL", "another secret"), ("AKIDOTHER", "a secret that signs")] {
        let url = foreign(access, secret).get_object().bucket(BUCKET).key("k").presigned(in_a_minute()).await.unwrap();
        assert_eq!(send(&fixture, "GET", &path(&fixture, &url), "", "").await.status, 403, "{access}");
        let signed = foreign(access, secret).get_object().bucket(BUCKET).key("k").send().await;
        assert_eq!(crate::support::status(&signed), 403, "{access}");
    }
}

#[tokio::test]
async fn keys_of_every_character_can_be_presigned() {
    let fixture = Fixture::start().await;
    let keys =
        ["a+b", "a%b", "a%2Fb", "a b", "ü", "a?b", "a#b", "a&b", "a=b", "a~b", "a'b", "a(b)", "a*b", "a!b", "a@b"];
    for key in keys.into_iter().chain(["a:b", "a,b", "a$b", "a;b", "a/b//c/", "a/../b", "a\\b", "[a]", "a\"b", "日本"])
    {
        let put = fixture.client.put_object().bucket(BUCKET).key(key).content_length(4).if_none_match("*");
        let put = put.presigned(in_a_minute()).await.unwrap();
        let headers: String =
            put.headers().filter(|(name, _)| *name != "content-length").map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        let answer = send(&fixture, "PUT", &path(&fixture, &put), &headers, "body").await;
        assert_eq!(answer.status, 200, "PUT {key:?}: {}", answer.text());
        let get = fixture.client.get_object().bucket(BUCKET).key(key).presigned(in_a_minute()).await.unwrap();
        assert_eq!(send(&fixture, "GET", &path(&fixture, &get), "", "").await.text(), "body", "GET {key:?}");
        let head = fixture.client.head_object().bucket(BUCKET).key(key).presigned(in_a_minute()).await.unwrap();
        assert_eq!(send(&fixture, "HEAD", &path(&fixture, &head), "", "").await.status, 200, "HEAD {key:?}");
        let again = send(&fixture, "PUT", &path(&fixture, &put), &headers, "body").await;
        assert_eq!(again.status, 412, "PUT {key:?} again");
    }
}

#[tokio::test]
async fn a_signed_condition_cannot_be_left_out() {
    let fixture = Fixture::start().await;
    let put = fixture.client.put_object().bucket(BUCKET).key("k").if_none_match("*");
    let put = put.presigned(in_a_minute()).await.unwrap();
    assert_eq!(send(&fixture, "PUT", &path(&fixture, &put), "", "x").await.status, 403);
    assert_eq!(send(&fixture, "PUT", &path(&fixture, &put), "If-None-Match: *\r\n", "x").await.status, 200);
}

/// What the holder of an upload token may have, and wants to read the victim's roster with.
#[tokio::test]
async fn a_put_never_becomes_a_copy() {
    let fixture = Fixture::start().await;
    fixture.put("rosters/victim", "whom the victim knows").await;
    let put = fixture.client.put_object().bucket(BUCKET).key("incoming/mine").content_length(0);
    let put = path(&fixture, &put.presigned(in_a_minute()).await.unwrap());
    let plain = put.clone();
    let also = |more: &str| format!("{plain}&{more}");
    let urls = [
        put.clone(),
        put.replace("X-Amz-Signature", "X-Amz-%53ignature"),
        put.replace("X-Amz-Signature", "%58-Amz-Signature"),
        put.replace("X-Amz-SignedHeaders", "X-Amz-Signed%48eaders"),
        put.replace("X-Amz-Expires", "X%2dAmz-Expires"),
        put.replace("X-Amz-Signature", "x-amz-signature"),
        also("X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-copy-source"),
        also("x-amz-copy-source=/satchel-test/rosters/victim"),
        also("uploadId=x&partNumber=1"),
    ];
    let source = format!("/{BUCKET}/rosters/victim");
    for url in &urls {
        for header in ["x-amz-copy-source", "X-AMZ-COPY-SOURCE"] {
            let header = format!("Content-Length: 0\r\n{header}: {source}\r\n");
            let answer = send(&fixture, "PUT", url, &header, "").await;
            assert!(matches!(answer.status, 400 | 403 | 501), "{url}: {} {}", answer.status, answer.text());
            assert!(answer.text().contains("<Message>"), "{}", answer.text());
        }
    }
    let missing = fixture.client.head_object().bucket(BUCKET).key("incoming/mine").send().await;
    assert_eq!(crate::support::status(&missing), 404);
    assert_eq!(fixture.requests.count("CopyObject"), 0);
    assert_eq!(send(&fixture, "PUT", &put, "Content-Length: 0\r\n", "").await.status, 200);
}

#[tokio::test]
async fn clients_may_add_what_changes_nothing_that_was_signed() {
    let fixture = Fixture::start().await;
    fixture.put("k", "hello").await;
    let put = fixture.client.put_object().bucket(BUCKET).key("new").presigned(in_a_minute()).await.unwrap();
    let get = fixture.client.get_object().bucket(BUCKET).key("k").presigned(in_a_minute()).await.unwrap();
    let (put, get) = (path(&fixture, &put), path(&fixture, &get));
    for (line, put_status, get_status) in [
        ("Content-Type: text/plain", 200, 200),
        ("Content-Disposition: inline", 200, 200),
        ("Content-Encoding: gzip", 200, 200),
        ("Content-Language: de", 200, 200),
        ("Cache-Control: no-cache", 200, 200),
        ("Expires: Wed, 18 May 2033 03:33:20 GMT", 200, 200),
        ("Content-MD5: nonsense", 400, 200),
        ("If-Match: \"x\"", 412, 412),
        ("Range: bytes=0-0", 200, 206),
        ("If-Range: \"x\"", 200, 200),
        ("X-HTTP-Method-Override: DELETE", 200, 200),
        ("X-Amzn-Trace-Id: Root=x", 200, 200),
        ("amz-sdk-request: attempt=1", 200, 200),
        ("Cookie: a=b", 200, 200),
        ("x-amz-content-sha256: UNSIGNED-PAYLOAD", 200, 200),
        ("x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD", 501, 501),
        ("x-amz-decoded-content-length: 1", 403, 403),
        ("x-amz-meta-owner: mallory", 403, 403),
        ("x-amz-acl: private", 403, 403),
        ("x-amz-tagging: a=b", 403, 403),
        ("x-amz-user-agent: x", 403, 403),
        ("x-amz-checksum-sha256: x", 403, 403),
        ("x-amz-date: 20260101T000000Z", 403, 403),
        ("x-amz-security-token: x", 403, 403),
        ("Content-Range: bytes 0-0/2", 501, 200),
        ("If-Unmodified-Since: Wed, 18 May 2033 03:33:20 GMT", 501, 200),
        ("Authorization: Basic eDp5", 400, 400),
        ("Content-Type: a/b\r\nContent-Type: c/d", 400, 400),
    ] {
        fixture.put("new", "old").await;
        let answer = send(&fixture, "PUT", &put, &format!("{line}\r\n"), "x").await;
        assert_eq!(answer.status, put_status, "PUT {line}: {}", answer.text());
        let kept: &[u8] = if put_status == 200 { b"x" } else { b"old" };
        assert_eq!(fixture.get("new").await, kept, "{line}");
        let answer = send(&fixture, "GET", &get, &format!("{line}\r\n"), "").await;
        assert_eq!(answer.status, get_status, "GET {line}: {}", answer.text());
    }
}

#[tokio::test]
async fn what_is_signed_cannot_be_made_to_vanish() {
    let fixture = Fixture::start().await;
    fixture.put("k", "first").await;
    let put = fixture.client.put_object().bucket(BUCKET).key("k").if_none_match("*");
    let put = path(&fixture, &put.presigned(in_a_minute()).await.unwrap());
    let lines: [&[u8]; 6] = [
        b"If-None-Match: \xff\r\nIf-None-Match: *\r\n",
        b"If-None-Match: *\r\nIf-None-Match: \xff\r\n",
        "If-None-Match: *\u{2003}\r\n".as_bytes(),
        "If-None-Match: \u{a0}*\r\n".as_bytes(),
        b"If-None-Match:\r\nIf-None-Match: *\r\n",
        b"If-None-Match: *, *\r\n",
    ];
    for line in lines {
        let head =
            format!("PUT {put} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 6\r\n", fixture.addr);
        let answer = fixture.raw_bytes(&[head.as_bytes(), line, b"\r\nsecond"].concat()).await;
        assert!(matches!(answer.status, 400 | 403), "{line:?}: {}", answer.status);
        assert_eq!(fixture.get("k").await, b"first", "{line:?}");
    }

    let get = fixture.client.get_object().bucket(BUCKET).key("k").response_content_disposition("attachment");
    let get = path(&fixture, &get.presigned(in_a_minute()).await.unwrap());
    let answer = send(&fixture, "GET", &get, "", "").await;
    assert_eq!((answer.status, answer.header("content-disposition")), (200, Some("attachment")));
    let escaped = get.replace("response-content-disposition", "response-content-%64isposition");
    assert_eq!(send(&fixture, "GET", &escaped, "", "").await.status, 400);
}

#[tokio::test]
async fn a_304_has_no_body() {
    let fixture = Fixture::start().await;
    fixture.put("k", "hello").await;
    let get = fixture.client.get_object().bucket(BUCKET).key("k").presigned(in_a_minute()).await.unwrap();
    let list = "If-None-Match: W/\"x\", W/\"5d41402abc4b2a76b9719d911017c592\"\r\n";
    let answer = send(&fixture, "GET", &path(&fixture, &get), list, "").await;
    assert_eq!((answer.status, answer.text().as_str()), (304, ""));
    assert!(answer.header("ETag").is_some());
    assert!(answer.header("Last-Modified").is_some());
}
