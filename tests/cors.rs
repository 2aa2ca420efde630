//! CORS and `nosniff` on every answer, and on the store that downloads are redirected to.

use crate::support::{Answer, Request, World, follow, rosters, template::Template, tokens};

fn assert_open(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-methods"), Some("OPTIONS, HEAD, GET, PUT"));
    let headers = answer.header("access-control-allow-headers").unwrap();
    assert!(headers.contains("Authorization") && headers.contains("Content-Type"), "{headers}");
    assert_eq!(answer.header("access-control-max-age"), Some("7200"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
}

#[tokio::test]
async fn every_answer_carries_the_cors_headers() {
    let world = World::new().await;
    world.store("u/a", b"hello").await;
    for (method, target, status) in [
        ("PUT", tokens::v1("u/new", 0), 201),
        ("PUT", tokens::v1("u/a", 0), 409),
        ("PUT", "/upload/u/a".into(), 403),
        ("PUT", "/upload/u/..".into(), 400),
        ("GET", "/upload/u/a".into(), 200),
        ("HEAD", "/upload/u/a".into(), 200),
        ("GET", "/upload/u/none".into(), 404),
        ("HEAD", "/upload/u/none".into(), 404),
        ("POST", "/upload/u/a".into(), 405),
        ("GET", "/elsewhere".into(), 404),
        ("OPTIONS", "/upload/u/a".into(), 204),
        ("OPTIONS", "/upload/u/none".into(), 204),
        ("DELETE", "/upload/u/a".into(), 405),
    ] {
        let answer = world.send(&Request::new(method, &target).header("Origin", "https://chat.example.org")).await;
        assert_eq!(answer.status, status, "{method} {target}");
        assert_open(&answer);
    }
    world.stop().await;
}

#[tokio::test]
async fn no_answer_is_to_be_taken_for_another_type() {
    let world = rosters::world(&[("SATCHEL_COMPONENT_CREDENTIALS", "prosody:password")]).await;
    let resume = tokens::v1("u/a", 5).replacen("/upload/", "/resume/", 1);
    for (request, status) in [
        (Request::new("POST", &resume).header("Tus-Resumable", "1.0.0").header("Upload-Length", "5"), 201),
        (Request::new("POST", "/resume/u/a").header("Tus-Resumable", "1.0.0").header("Upload-Length", "5"), 403),
        (Request::new("OPTIONS", "/resume/u/a"), 204),
        (rosters::request("GET", "/contacts/john"), 200),
        (rosters::request("PUT", "/contacts/john/marie@x").body(b"{}"), 201),
        (rosters::request("GET", "/groups/none"), 404),
        (Request::new("GET", "/contacts/john"), 401),
        (Request::new("POST", "/component").body(b"{}"), 401),
    ] {
        let answer = world.send(&request).await;
        assert_eq!((answer.status, answer.header("x-content-type-options")), (status, Some("nosniff")), "{answer:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_preflight_is_answered_and_never_redirected() {
    let world = World::new().await;
    let preflight = Request::new("OPTIONS", &tokens::v1("u/a", 5))
        .header("Origin", "https://chat.example.org")
        .header("Access-Control-Request-Method", "PUT")
        .header("Access-Control-Request-Headers", "authorization,content-type");
    let answer = world.send(&preflight).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_open(&answer);
    world.stop().await;
}

#[tokio::test]
async fn the_store_lets_a_redirected_page_read() {
    let world = World::as_on_aws().await;
    world.store("u/a", b"hello").await;
    let redirect = world.get("/upload/u/a").await;
    // After a cross-origin redirect a browser sends "null" (Fetch, "HTTP-redirect fetch").
    let served = follow(&redirect, "GET", &[("Origin", "null")]).await;
    assert_eq!(served.status, 200);
    assert!(matches!(served.header("access-control-allow-origin"), Some("*" | "null")), "{served:?}");
    world.stop().await;
}

/// A page reads no other headers of an answer from elsewhere than those that the answer names.
#[tokio::test]
async fn the_templates_bucket_and_the_stacks_s3_let_a_page_resume_and_name_a_download() {
    let world = World::as_on_aws().await;
    world.store("u/a", b"hello").await;
    let served = follow(&world.get("/upload/u/a").await, "GET", &[("Origin", "null"), ("Range", "bytes=1-2")]).await;
    let exposed: Vec<_> = served.header("access-control-expose-headers").unwrap().split(", ").collect();
    let template = Template::load();
    let rule = template.at("/Resources/Bucket/Properties/CorsConfiguration/CorsRules/0");
    assert_eq!(rule["ExposedHeaders"], serde_json::json!(exposed));
    for needed in ["Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Range", "ETag"] {
        assert!(exposed.contains(&needed) && served.header(&needed.to_lowercase()).is_some(), "{needed}: {served:?}");
    }
    world.stop().await;
}
