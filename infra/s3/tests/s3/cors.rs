//! CORS on every answer, preflights included.

use aws_sdk_s3::types::{CorsConfiguration, CorsRule};
use satchel_s3::ServerOptions;

use crate::support::{Answer, BUCKET, Fixture, code};

fn open() -> ServerOptions {
    ServerOptions { open_cors: true, ..ServerOptions::default() }
}

async fn send(fixture: &Fixture, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", fixture.addr);
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    fixture.raw(&format!("{head}\r\n")).await
}

#[tokio::test]
async fn open_rules_answer_any_page() {
    let fixture = Fixture::with(open()).await;
    let path = format!("/{BUCKET}/k?X-Amz-Signature=x");
    for origin in ["null", "https://chat.example.org"] {
        let asked = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", "Content-Type, X-Custom"),
        ];
        let answer = send(&fixture, "OPTIONS", &path, &asked).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(answer.header("Access-Control-Allow-Methods"), Some("GET, HEAD, PUT"));
        assert_eq!(answer.header("Access-Control-Allow-Headers"), Some("content-type, x-custom"));
        let exposed = "ETag, Accept-Ranges, Content-Disposition, Content-Length, Content-Range";
        assert_eq!(answer.header("Access-Control-Expose-Headers"), Some(exposed));
        assert_eq!(answer.header("Access-Control-Max-Age"), Some("7200"));
    }
}

#[tokio::test]
async fn a_page_may_ask_for_the_end_of_a_file_and_past_its_cache() {
    let fixture = Fixture::with(open()).await;
    for asked in ["range", "cache-control", "range, cache-control, pragma", "Range,If-Range"] {
        let headers = [("Origin", "null"), ("Access-Control-Request-Method", "GET")];
        let headers: Vec<_> = headers.into_iter().chain([("Access-Control-Request-Headers", asked)]).collect();
        let answer = send(&fixture, "OPTIONS", &format!("/{BUCKET}/k?X-Amz-Signature=x"), &headers).await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text());
        let allowed = answer.header("Access-Control-Allow-Headers").unwrap();
        assert!(asked.split(',').all(|name| allowed.contains(&name.trim().to_lowercase())), "{asked}: {allowed}");
    }
}

#[tokio::test]
async fn errors_can_be_read_by_pages_too() {
    let fixture = Fixture::with(open()).await;
    let paths = [
        (format!("/{BUCKET}/k"), 403),
        (format!("/{BUCKET}/k?X-Amz-Signature=x"), 400),
        ("/no-such-bucket/k".to_owned(), 403),
        (format!("/{BUCKET}/{}", "k".repeat(1025)), 400),
        ("/%ff".to_owned(), 400),
    ];
    for (path, status) in paths {
        for method in ["GET", "PUT"] {
            let answer = send(&fixture, method, &path, &[("Origin", "null")]).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
            assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"), "{method} {path}");
        }
    }
    assert_eq!(send(&fixture, "GET", "/", &[]).await.header("Access-Control-Allow-Origin"), None);
}

#[tokio::test]
async fn stored_rules_replace_the_open_ones() {
    let fixture = Fixture::with(open()).await;
    let rule = CorsRule::builder().allowed_origins("https://*.example.org").allowed_methods("GET");
    let rule = rule.allowed_headers("x-a*").max_age_seconds(60).build().unwrap();
    let rules = CorsConfiguration::builder().cors_rules(rule.clone()).build().unwrap();
    fixture.client.put_bucket_cors().bucket(BUCKET).cors_configuration(rules).send().await.unwrap();
    let stored = fixture.client.get_bucket_cors().bucket(BUCKET).send().await.unwrap();
    assert_eq!(stored.cors_rules(), [rule]);

    let path = format!("/{BUCKET}/k");
    let cases = [
        ("https://a.example.org", "GET", "", Some("https://a.example.org")),
        ("https://a.example.org", "GET", "X-Anything", Some("https://a.example.org")),
        ("https://a.example.org", "GET", "X-Other", None),
        ("https://a.example.org", "PUT", "", None),
        ("https://example.com", "GET", "", None),
        ("null", "GET", "", None),
    ];
    for (origin, method, headers, allowed) in cases {
        let asked = [
            ("Origin", origin),
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", headers),
        ];
        let answer = send(&fixture, "OPTIONS", &path, &asked).await;
        assert_eq!(answer.header("Access-Control-Allow-Origin"), allowed, "{origin} {method} {headers}");
        let spelled = format!("/%73{}/k", BUCKET.strip_prefix('s').unwrap());
        let again = send(&fixture, "OPTIONS", &spelled, &asked).await;
        assert_eq!(again.header("Access-Control-Allow-Origin"), allowed, "{spelled}: {origin} {method} {headers}");
        assert_eq!(answer.status, if allowed.is_some() { 200 } else { 403 });
    }
    fixture.client.delete_bucket_cors().bucket(BUCKET).send().await.unwrap();
    let none = fixture.client.get_bucket_cors().bucket(BUCKET).send().await;
    assert_eq!(code(&none), "NoSuchCORSConfiguration");
    let asked = [("Origin", "null"), ("Access-Control-Request-Method", "PUT")];
    assert_eq!(send(&fixture, "OPTIONS", &path, &asked).await.status, 200);
}

#[tokio::test]
async fn without_rules_no_page_is_answered() {
    let fixture = Fixture::start().await;
    let asked = [("Origin", "null"), ("Access-Control-Request-Method", "GET")];
    let answer = send(&fixture, "OPTIONS", &format!("/{BUCKET}/k"), &asked).await;
    assert_eq!((answer.status, answer.header("Access-Control-Allow-Origin")), (403, None));
    assert_eq!(send(&fixture, "OPTIONS", "/", &[]).await.status, 400);
}
