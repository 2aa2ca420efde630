//! GET and HEAD: redirects, and what S3 then serves.

use crate::support::{
    Answer, PlainS3, Request, Setup, World, bytes, follow,
    tokens::{self, bearer, claims},
};

/// The start of a signing window.
const NOW: u64 = 1_800 * 1_000_000;

fn query(answer: &Answer, name: &str) -> Option<String> {
    answer.location().query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_download_is_redirected_to_a_url_for_its_very_method() {
    let world = World::as_on_aws().await;
    world.store("u/pic.png", &bytes(3_000)).await;
    let get = world.get("/upload/u/pic.png").await;
    let head = world.send(&Request::new("HEAD", "/upload/u/pic.png")).await;
    assert_ne!(get.location(), head.location());
    assert_eq!(follow(&get, "GET", &[]).await.body, bytes(3_000));
    let headed = follow(&head, "HEAD", &[]).await;
    assert_eq!((headed.status, headed.header("content-length")), (200, Some("3000")));
    assert_eq!(headed.body, b"");
    assert_eq!(follow(&get, "HEAD", &[]).await.status, 403);
    assert_eq!(follow(&head, "GET", &[]).await.status, 403);
    assert_eq!(follow(&get, "DELETE", &[]).await.status, 403);
    world.stop().await;
}

#[tokio::test]
async fn files_are_served_with_prosodys_headers() {
    for world in [World::new().await, World::as_on_aws().await] {
        serves_prosodys_headers(&world).await;
        world.stop().await;
    }
}

async fn serves_prosodys_headers(world: &World) {
    for (name, content_type, disposition) in [
        ("pic.png", "image/png", "inline; filename*=UTF-8''pic.png"),
        ("très cool.txt", "text/plain; charset=utf-8", "inline; filename*=UTF-8''tr%C3%A8s%20cool.txt"),
        ("a.svg", "image/svg+xml", "attachment; filename*=UTF-8''a.svg"),
        ("a\"b.html", "text/html", "attachment; filename*=UTF-8''a%22b.html"),
        ("blob", "application/octet-stream", "attachment; filename*=UTF-8''blob"),
    ] {
        let path = format!("u/{name}");
        let put = Request::new("PUT", &tokens::v2(&path, 5, content_type)).header("Content-Type", content_type);
        assert_eq!(world.send(&put.body(b"hello")).await.status, 201, "{name}");
        for method in ["GET", "HEAD"] {
            let answer = world.send(&Request::new(method, &tokens::target(&path))).await;
            let served = if answer.status == 307 { follow(&answer, method, &[]).await } else { answer };
            assert_eq!(served.status, 200, "{name} {method}");
            assert_eq!(served.header("content-type"), Some(content_type), "{name} {method}");
            assert_eq!(served.header("content-disposition"), Some(disposition), "{name} {method}");
            assert_eq!(served.header("cache-control"), Some("max-age=31556952, immutable"), "{name} {method}");
            assert_eq!(served.header("accept-ranges"), Some("bytes"), "{name} {method}");
            assert_eq!(served.header("content-length"), Some("5"), "{name} {method}");
        }
    }
}

/// Browsers take the last of several types, and run scripts in what is shown inline.
#[tokio::test]
async fn no_spelling_of_a_type_smuggles_a_page_in() {
    let all = "text/*, image/*, video/*, multipart/*".to_owned();
    let world = World::with(Setup { variables: vec![("SATCHEL_SAFE_TYPES", all)], ..Setup::default() }).await;
    for (number, content_type) in [
        "image/png,text/html",
        "image/png;,text/html",
        "image/png;a=b,text/html",
        "video/x,image/svg+xml",
        "text/html",
        "application/xhtml+xml",
        "text/xml",
        "image/x+xml",
        "*/*",
        "image/*",
        "application/unknown",
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("u/{number}");
        let put = Request::new("PUT", &tokens::v1(&path, 5)).header("Content-Type", content_type).body(b"hello");
        assert_eq!(world.send(&put).await.status, 201, "{content_type}");
        let served = world.fetch(&tokens::target(&path)).await;
        assert!(served.header("content-disposition").unwrap().starts_with("attachment"), "{content_type}");
        assert!(!served.header("content-type").unwrap().contains([',', '*']), "{content_type}");
    }
    world.stop().await;
}

/// By another program with the bucket's credentials, or by an earlier version.
#[tokio::test]
async fn a_stored_type_that_is_none_is_served_as_an_octet_stream() {
    let world = World::with_s3().await;
    for (number, content_type) in ["*/*", "text", "image/png,text/html", "unknown/unknown"].into_iter().enumerate() {
        let put = world.s3().put_object().bucket("satchel").key(format!("uploads/u/{number}"));
        put.content_type(content_type).body(b"<script>".to_vec().into()).send().await.unwrap();
        let served = world.fetch(&format!("/upload/u/{number}")).await;
        assert_eq!(served.header("content-type"), Some("application/octet-stream"), "{content_type}");
        assert!(served.header("content-disposition").unwrap().starts_with("attachment"), "{content_type}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_list_of_safe_types_can_be_set() {
    let variables = vec![("SATCHEL_SAFE_TYPES", "application/pdf".to_owned())];
    let world = World::with(Setup { variables, ..Setup::default() }).await;
    for (content_type, kind) in [("application/pdf", "inline"), ("image/png", "attachment")] {
        let path = format!("{kind}/a");
        let put = Request::new("PUT", &tokens::v1(&path, 5)).header("Content-Type", content_type).body(b"hello");
        assert_eq!(world.send(&put).await.status, 201);
        let served = world.fetch(&tokens::target(&path)).await;
        assert!(served.header("content-disposition").unwrap().starts_with(kind), "{content_type}");
    }
    world.stop().await;
}

#[tokio::test]
async fn ranges_work_on_the_target() {
    let world = World::as_on_aws().await;
    let body = bytes(1_000);
    world.store("u/a", &body).await;
    let redirect = world.get("/upload/u/a").await;
    for (range, status, served, content_range) in [
        ("bytes=0-1", 206, &body[..2], "bytes 0-1/1000"),
        ("bytes=500-", 206, &body[500..], "bytes 500-999/1000"),
        ("bytes=-10", 206, &body[990..], "bytes 990-999/1000"),
        ("bytes=990-2000", 206, &body[990..], "bytes 990-999/1000"),
    ] {
        let answer = follow(&redirect, "GET", &[("Range", range)]).await;
        assert_eq!((answer.status, answer.body.as_slice()), (status, served), "{range}");
        assert_eq!(answer.header("content-range"), Some(content_range), "{range}");
    }
    assert_eq!(follow(&redirect, "GET", &[("Range", "bytes=1000-")]).await.status, 416);
    let whole = follow(&redirect, "GET", &[]).await;
    let etag = whole.header("etag").unwrap();
    assert_eq!(follow(&redirect, "GET", &[("If-None-Match", etag)]).await.status, 304);
    world.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_404_and_head_has_no_body() {
    let world = World::new().await;
    let get = world.get("/upload/u/a").await;
    assert_eq!((get.status, get.code().as_str()), (404, "file_not_found"));
    let head = world.send(&Request::new("HEAD", "/upload/u/a")).await;
    assert_eq!((head.status, head.body.len()), (404, 0));
    assert_eq!(world.get("/").await.code(), "no_such_address");
    assert_eq!(world.get("/upload/").await.code(), "path_malformed");
    world.stop().await;
}

#[tokio::test]
async fn an_expired_file_is_gone_from_the_second_of_its_expiry() {
    let world = World::with(Setup { now: Some(NOW), ..Setup::default() }).await;
    let mut claims = claims("s", "f", 5, "", NOW + 60);
    claims["expires"] = (NOW + 100).into();
    let put = Request::new("PUT", "/upload/s/f").header("Authorization", bearer(&claims)).body(b"hello");
    assert_eq!(world.send(&put).await.status, 201);
    for (now, status) in [(NOW, 200), (NOW + 99, 200), (NOW + 100, 410), (NOW + 101, 410)] {
        world.set_clock(now);
        assert_eq!(world.get("/upload/s/f").await.status, status, "{now}");
    }
    assert_eq!(world.get("/upload/s/f").await.code(), "file_expired");
    world.stop().await;
}

#[tokio::test]
async fn the_url_never_outlives_the_file() {
    let world = World::with(Setup { strict_aws: true, now: Some(NOW), ..Setup::default() }).await;
    let mut claims = claims("s", "f", 5, "", NOW + 60);
    claims["expires"] = (NOW + 100).into();
    let put = Request::new("PUT", "/upload/s/f").header("Authorization", bearer(&claims)).body(b"hello");
    assert_eq!(world.send(&put).await.status, 201);
    world.set_clock(NOW + 60);
    let redirect = world.get("/upload/s/f").await;
    assert_eq!(query(&redirect, "X-Amz-Expires").unwrap(), "100");
    assert_eq!(redirect.header("cache-control"), Some("private, max-age=20"));
    world.set_clock(NOW + 99);
    assert_eq!(world.get("/upload/s/f").await.header("cache-control"), Some("no-store"));
    world.stop().await;
}

#[tokio::test]
async fn a_page_left_open_has_a_url_that_works_for_a_day_or_as_long_as_is_set() {
    for (set, seconds) in [(None, "86400"), (Some("604800"), "604800"), (Some("60"), "60")] {
        let variables = set.map(|set| ("SATCHEL_DOWNLOAD_URL_LIFE", set.to_owned())).into_iter().collect();
        let world = World::with(Setup { variables, strict_aws: true, now: Some(NOW), ..Setup::default() }).await;
        world.store("u/a", b"hello").await;
        assert_eq!(query(&world.get("/upload/u/a").await, "X-Amz-Expires").as_deref(), Some(seconds));
        world.stop().await;
    }
}

#[tokio::test]
async fn requests_within_a_window_get_the_same_url() {
    let world = World::with(Setup { strict_aws: true, now: Some(NOW), ..Setup::default() }).await;
    world.store("u/a", b"hello").await;
    let first = world.get("/upload/u/a").await;
    world.set_clock(NOW + 1_799);
    assert_eq!(world.get("/upload/u/a").await.location(), first.location());
    world.set_clock(NOW + 1_800);
    assert_ne!(world.get("/upload/u/a").await.location(), first.location());
    world.stop().await;
}

#[tokio::test]
async fn a_redirect_is_cached_for_less_than_its_url_lives() {
    let world = World::with(Setup { strict_aws: true, now: Some(NOW + 1_799), ..Setup::default() }).await;
    world.store("u/a", b"hello").await;
    let redirect = world.get("/upload/u/a").await;
    let max_age: u64 =
        redirect.header("cache-control").unwrap().strip_prefix("private, max-age=").unwrap().parse().unwrap();
    let left = query(&redirect, "X-Amz-Expires").unwrap().parse::<u64>().unwrap() - 1_799;
    assert!(max_age > 0 && max_age * 2 <= left, "{max_age} of {left}");
    world.stop().await;
}

#[tokio::test]
async fn a_download_costs_one_s3_request() {
    let s3 = PlainS3::start().await;
    let world = s3.world_as_on_aws().await;
    world.store("u/a", b"hello").await;
    let before = s3.requests();
    world.get("/upload/u/a").await.location();
    assert_eq!(s3.requests() - before, 1);
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn a_tampered_url_is_refused_by_s3() {
    let world = World::as_on_aws().await;
    world.store("u/a", b"hello").await;
    world.store("u/b", b"other").await;
    let redirect = world.get("/upload/u/a").await;
    let url = redirect.location().to_string();
    for (from, to) in [
        ("uploads/u/a", "uploads/u/b"),
        ("Expires=86400", "Expires=604800"),
        ("response-content-type=", "response-content-type=text%2Fhtml%3B"),
    ] {
        let mut tampered = redirect.clone();
        tampered.headers = vec![("location".into(), url.replacen(from, to, 1))];
        assert_ne!(tampered.location().as_str(), url);
        assert_eq!(follow(&tampered, "GET", &[]).await.status, 403, "{from}");
    }
    world.stop().await;
}

#[tokio::test]
async fn files_that_were_copied_into_the_bucket_are_served_and_protected() {
    let world = World::with_s3().await;
    for path in ["old/photo.jpg", "old/Grüße aus Köln.jpg"] {
        let put = world.s3().put_object().bucket("satchel").key(format!("uploads/{path}")).content_type("image/jpeg");
        put.body(b"hello".to_vec().into()).send().await.unwrap();
        let served = world.fetch(&tokens::target(path)).await;
        assert_eq!((served.status, served.body.as_slice()), (200, b"hello".as_slice()), "{path}");
        assert_eq!(served.header("content-type"), Some("image/jpeg"), "{path}");
        assert_eq!(world.put(&tokens::v1(path, 5), b"hello").await.status, 409, "{path}");
    }
    world.stop().await;
}
