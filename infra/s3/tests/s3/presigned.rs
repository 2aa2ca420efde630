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
