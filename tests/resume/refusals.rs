//! Every refusal of the tus protocol, with its status and code; none of them changes anything.

use crate::support::{
    Request, Setup, World, bytes,
    stores::everywhere,
    tokens::{self, bearer, claims},
    tus::{CHUNK_TYPE, MIB, create, offset, offset_of, patch, post, resolved, send, target, tus},
};

const NOW: u64 = 1_612_113_200;

fn at(now: u64) -> Setup {
    Setup { now: Some(now), ..Setup::default() }
}

#[tokio::test]
async fn every_refusal_has_its_status_and_code_and_changes_nothing() {
    let world = World::with(Setup { variables: vec![("SATCHEL_MAX_SIZE", "5000000".into())], ..at(NOW) }).await;
    let length = 5_000_000;
    let url = create(&world, "u/a", length).await;
    send(&world, &url, 0, b"hello").await;
    world.store("u/taken", b"first").await;
    let chunk = |offset: &str| tus("PATCH", &url).header("Content-Type", CHUNK_TYPE).header("Upload-Offset", offset);
    let created = |path: &str| tus("POST", &target(&tokens::v1(path, 5)));
    let bad_id = url.replace("upload=.1.", "upload=.2.");
    let elsewhere = url.replace("/u/a?", "/u/b?");
    let expired = bearer(&claims("s", "f", 5, "", NOW));
    let rows = [
        ("wrong offset", patch(&url, 4, b" world"), 409, "offset_mismatch"),
        ("offset beyond the end", patch(&url, length, b"!"), 409, "offset_mismatch"),
        ("no offset", tus("PATCH", &url).header("Content-Type", CHUNK_TYPE).body(b"!"), 400, "tus_header_malformed"),
        ("negative offset", chunk("-1").body(b"!"), 400, "tus_header_malformed"),
        (
            "wrong checksum",
            chunk("5").header("Upload-Checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=").body(b"!"),
            460,
            "checksum_mismatch",
        ),
        (
            "wrong SHA-256",
            chunk("5").header("Upload-Checksum", "sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").body(b"!"),
            460,
            "checksum_mismatch",
        ),
        (
            "unknown checksum",
            chunk("5").header("Upload-Checksum", "md5 XrY7u+Ae7tCTyyK7j1rNww==").body(b"!"),
            400,
            "checksum_algorithm",
        ),
        ("malformed checksum", chunk("5").header("Upload-Checksum", "sha1 !").body(b"!"), 400, "tus_header_malformed"),
        ("no content type", tus("PATCH", &url).header("Upload-Offset", "5").body(b"!"), 415, "chunk_type"),
        (
            "another type",
            tus("PATCH", &url).header("Upload-Offset", "5").header("Content-Type", "text/plain").body(b"!"),
            415,
            "chunk_type",
        ),
        ("no version", Request::new("HEAD", &url), 412, "tus_version"),
        (
            "unknown version",
            Request::new("PATCH", &url).header("Tus-Resumable", "0.2.2").body(b"!"),
            412,
            "tus_version",
        ),
        (
            "unknown version at creation",
            Request::new("POST", &url).header("Tus-Resumable", "2.0.0"),
            412,
            "tus_version",
        ),
        ("chunk beyond the end", patch(&url, 5, &bytes(4_500_000)), 204, "stored"),
        ("chunk far beyond the end", patch(&url, 4_500_005, &bytes(499_996)), 413, "chunk_too_long"),
        ("larger chunk beyond the end", patch(&url, 4_500_005, &bytes(6_000_000)), 413, "chunk_too_long"),
        ("forged id", patch(&bad_id, 5, b"!"), 404, "upload_unknown"),
        ("no id", patch("/resume/u/a", 5, b"!"), 404, "upload_unknown"),
        ("empty id", patch("/resume/u/a?upload=", 5, b"!"), 404, "upload_unknown"),
        ("the id of another path", patch(&elsewhere, 5, b"!"), 404, "upload_unknown"),
        ("malformed path", patch("/resume/u/..?upload=x", 5, b"!"), 400, "path_malformed"),
        ("no token", tus("POST", "/resume/u/b").header("Upload-Length", "5"), 403, "token_missing"),
        ("token for another size", created("u/b").header("Upload-Length", "6"), 403, "mac_mismatch"),
        (
            "expired token",
            tus("POST", "/resume/s/f").header("Upload-Length", "5").header("Authorization", expired),
            410,
            "token_expired",
        ),
        ("larger than allowed", post("u/b", 5_000_001), 413, "file_too_large"),
        ("no length", created("u/b"), 400, "tus_header_malformed"),
        ("deferred length", created("u/b").header("Upload-Defer-Length", "1"), 400, "length_deferred"),
        ("concatenation", post("u/b", 5).header("Upload-Concat", "partial"), 400, "concatenation_unsupported"),
        ("malformed metadata", post("u/b", 5).header("Upload-Metadata", "filename *"), 400, "tus_header_malformed"),
        (
            "endless metadata",
            post("u/b", 5).header("Upload-Metadata", "x".repeat(1_901)),
            400,
            "upload_metadata_too_long",
        ),
        ("a first chunk of another type", post("u/b", 5).body(b"hello"), 415, "chunk_type"),
        (
            "a large first chunk beyond the end",
            post("u/b", 5).header("Content-Type", CHUNK_TYPE).body(&bytes(6_000_000)),
            413,
            "chunk_too_long",
        ),
        (
            "a first chunk beyond the end",
            post("u/b", 5).header("Content-Type", CHUNK_TYPE).body(b"hello!"),
            413,
            "chunk_too_long",
        ),
        ("a taken path", post("u/taken", 5), 409, "file_exists"),
        ("another method", tus("GET", &url), 405, "method_not_allowed"),
        ("no method", tus("POST", &url).header("X-HTTP-Method-Override", "no method"), 405, "method_not_allowed"),
    ];
    for (name, request, status, code) in rows {
        let answer = world.send(&request).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        if status != 204 && name != "no version" {
            assert_eq!(answer.code(), code, "{name}");
        }
        assert_eq!(answer.header("tus-resumable"), Some("1.0.0"), "{name}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
        assert!(status != 412 || answer.header("tus-version") == Some("1.0.0"), "{name}");
        assert_eq!(answer.header("upload-limit"), Some("max-size=5000000"), "{name}");
    }
    assert_eq!(offset(&world, &url).await, 4_500_005, "the one chunk that was right");
    assert_eq!((world.keys("").await.len(), world.unfinished().await), (1, 1));
    world.stop().await;
}

#[tokio::test]
async fn an_upload_expires_to_the_second() {
    let world = World::with(at(NOW)).await;
    let created = world.send(&post("u/a", 5)).await;
    assert_eq!(created.header("upload-expires"), Some("Mon, 01 Feb 2021 16:13:20 GMT"));
    let url = resolved(&target(&tokens::v1("u/a", 5)), &created);
    let life = 23 * 60 * 60;
    world.set_clock(NOW + life - 1);
    let answer = world.send(&patch(&url, 0, b"hel")).await;
    assert_eq!((answer.status, answer.header("upload-expires")), (204, created.header("upload-expires")));
    world.set_clock(NOW + life);
    for request in [patch(&url, 3, b"lo"), tus("DELETE", &url)] {
        let answer = world.send(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (410, "upload_expired"));
    }
    assert_eq!(world.send(&tus("HEAD", &url)).await.status, 410);
    world.stop().await;
}

#[tokio::test]
async fn a_chunk_with_the_announced_checksum_is_taken() {
    let world = World::new().await;
    let url = create(&world, "u/a", 11).await;
    let request = patch(&url, 0, b"hello world").header("Upload-Checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    assert_eq!(world.send(&request).await.status, 204);
    let wrong = post("u/b", 5)
        .header("Content-Type", CHUNK_TYPE)
        .header("Upload-Checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    assert_eq!(world.send(&wrong.body(b"hello")).await.status, 460, "of a first chunk, too");
    assert_eq!(world.keys("").await, ["uploads/u/a"]);
    world.stop().await;
}

#[tokio::test]
async fn the_server_says_what_it_can_do() {
    let world = World::with(Setup { variables: vec![("SATCHEL_MAX_SIZE", "1000".into())], ..Setup::default() }).await;
    let preflight = Request::new("OPTIONS", "/resume/u/a")
        .header("Origin", "https://chat.example.org")
        .header("Access-Control-Request-Method", "PATCH")
        .header("Access-Control-Request-Headers", "tus-resumable,upload-offset");
    let elsewhere = ["/resume", "/resume/"].map(|target| Request::new("OPTIONS", target));
    let other_version = Request::new("OPTIONS", "/resume/u/a").header("Tus-Resumable", "0.0.1");
    for request in elsewhere.into_iter().chain([preflight, other_version]) {
        let answer = world.send(&request).await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        for (name, value) in [
            ("tus-version", "1.0.0"),
            ("tus-extension", "creation,creation-with-upload,expiration,checksum,termination"),
            ("tus-max-size", "1000"),
            ("upload-limit", "max-size=1000"),
            ("tus-checksum-algorithm", "sha1,sha256"),
            ("access-control-allow-methods", "OPTIONS, HEAD, POST, PATCH, DELETE"),
        ] {
            assert_eq!(answer.header(name), Some(value));
        }
        let contains =
            |name: &str, value: &str| assert!(answer.header(name).unwrap().contains(value), "{name} {value}");
        for allowed in ["Authorization", "Tus-Resumable", "Upload-Offset", "Upload-Length", "X-Session-Token"] {
            contains("access-control-allow-headers", allowed);
        }
        for exposed in
            ["Location", "Upload-Offset", "Upload-Length", "Upload-Expires", "Upload-Limit", "X-Session-Token"]
        {
            contains("access-control-expose-headers", exposed);
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_method_may_come_in_a_header() {
    let world = World::new().await;
    let url = create(&world, "u/a", 5).await;
    let by_post = |method: &str| tus("POST", &url).header("X-HTTP-Method-Override", method);
    let chunk = by_post("PATCH").header("Upload-Offset", "0").header("Content-Type", CHUNK_TYPE).body(b"hel");
    assert_eq!(world.send(&chunk).await.status, 204);
    assert_eq!(offset_of(&world.send(&by_post("HEAD")).await), 3);
    assert_eq!(world.send(&by_post("DELETE")).await.status, 204);
    assert!(world.is_empty().await);
    world.stop().await;
}

/// Whoever waits for permission hears the refusal instead, and what was not allowed is not even read.
#[tokio::test]
async fn a_chunk_is_refused_before_it_is_sent() {
    let (s3, worlds) = everywhere().await;
    for (place, world) in worlds {
        let url = create(&world, "u/a", 2 * MIB).await;
        let before = s3.requests();
        for (target, status) in [("/resume/u/a?upload=x", 404), (&url.replace("/u/a", "/u/b"), 404)] {
            let head = tus("PATCH", target).header("Expect", "100-continue").header("Upload-Offset", "0");
            let head = head.header("Content-Type", CHUNK_TYPE).header("Content-Length", MIB.to_string());
            assert_eq!(world.send(&head).await.status, status, "{place}");
        }
        assert_eq!(s3.requests(), before, "{place}");
        let chunk = patch(&url, 0, &bytes(MIB)).header("Expect", "100-continue");
        assert_eq!(world.send(&chunk).await.status, 204, "{place}");
        world.stop().await;
    }
    s3.stop().await;
}

#[tokio::test]
async fn a_chunk_of_unannounced_length_is_taken() {
    let world = World::new().await;
    let url = create(&world, "u/a", 11).await;
    let chunked = |body: &str| {
        let request = tus("PATCH", &url).header("Upload-Offset", "0").header("Content-Type", CHUNK_TYPE);
        (request.header("Transfer-Encoding", "chunked"), body.to_owned())
    };
    let (request, body) = chunked("6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n");
    assert_eq!(world.send(&request.raw_body(body.as_bytes())).await.status, 204);
    assert_eq!(world.fetch("/upload/u/a").await.body, b"hello world");
    world.stop().await;
}
