//! PUT and DELETE: every row of the status table, and what is stored.

use serde_json::json;

use crate::support::{
    PlainS3, Request, Setup, World, bytes, elsewhere, follow, follow_with, path,
    tokens::{self, bearer, claims},
};

const NOW: u64 = 1_612_113_200;

fn at(now: u64) -> Setup {
    Setup { now: Some(now), ..Setup::default() }
}

fn jwt_put(target: &str, claims: &serde_json::Value, body: &[u8]) -> Request {
    Request::new("PUT", target).header("Authorization", bearer(claims)).body(body)
}

#[tokio::test]
async fn stored_files_are_answered_with_201_and_nothing_else() {
    let world = World::new().await;
    for (name, request) in [
        ("v", Request::new("PUT", &tokens::v1("u1/a.txt", 5)).body(b"hello")),
        (
            "v2",
            Request::new("PUT", &tokens::v2("u2/a.txt", 5, "text/plain"))
                .header("Content-Type", "text/plain")
                .body(b"hello"),
        ),
        ("token", Request::new("PUT", &tokens::metronome("u3/a.txt", 5, "")).body(b"hello")),
        ("jwt", jwt_put("/upload/u4/a.txt", &claims("u4", "a.txt", 5, "text/plain", 4_000_000_000), b"hello")),
    ] {
        let answer = world.send(&request).await;
        assert_eq!((answer.status, answer.body.as_slice()), (201, b"".as_slice()), "{name}");
    }
    assert_eq!(world.keys("uploads/").await.len(), 4);
    world.stop().await;
}

/// protocols.md, section 2, row by row, with the stable code of each.
#[tokio::test]
async fn every_refusal_has_its_status_and_code_and_stores_nothing() {
    let world = World::with(Setup { variables: vec![("SATCHEL_MAX_SIZE", "1000".into())], ..at(NOW) }).await;
    let good = claims("s", "f", 5, "", NOW + 1);
    let put = |target: &str| Request::new("PUT", target);
    let with_auth = |value: &str| put("/upload/s/f").header("Authorization", value);
    let mut other_alg = bearer(&good);
    other_alg.replace_range(7..11, "eyJx");
    let mut no_exp = good.clone();
    no_exp.as_object_mut().unwrap().remove("exp");
    let long_type = "a".repeat(256);
    let mut early = good.clone();
    early["nbf"] = (NOW as f64 + 0.5).into();
    // {"alg":"none"}, and no signature.
    let unsigned =
        bearer(&good).split('.').nth(1).map(|claims| format!("Bearer eyJhbGciOiJub25lIn0.{claims}.")).unwrap();
    let rows = [
        ("no token", put("/upload/s/f").body(b"hello"), 403, "token_missing"),
        ("unknown token", put("/upload/s/f?v3=00").body(b"hello"), 403, "token_missing"),
        ("another scheme", with_auth("Basic eDp5").body(b"hello"), 401, "bearer_required"),
        ("MAC of 63 digits", put(&format!("/upload/s/f?v={}", "0".repeat(63))).body(b"hello"), 403, "mac_malformed"),
        ("MAC of 65 digits", put(&format!("/upload/s/f?v={}", "0".repeat(65))).body(b"hello"), 403, "mac_malformed"),
        ("MAC of no hex", put(&format!("/upload/s/f?v={}", "g".repeat(64))).body(b"hello"), 403, "mac_malformed"),
        ("wrong MAC", put(&format!("/upload/s/f?v={}", "0".repeat(64))).body(b"hello"), 403, "mac_mismatch"),
        ("MAC of another size", put(&tokens::v1("s/f", 6)).body(b"hello"), 403, "mac_mismatch"),
        (
            "MAC of another type",
            put(&tokens::v2("s/f", 5, "a/b")).header("Content-Type", "c/d").body(b"hello"),
            403,
            "mac_mismatch",
        ),
        ("no JWT", with_auth("Bearer nonsense").body(b"hello"), 403, "token_malformed"),
        (
            "broken JWT header",
            with_auth(&bearer(&good).replacen("eyJ", "e-J", 1)).body(b"hello"),
            403,
            "token_malformed",
        ),
        // The header begins with another name than "alg" then.
        ("JWT without alg", with_auth(&other_alg).body(b"hello"), 403, "token_algorithm"),
        ("JWT of alg none", with_auth(&unsigned).body(b"hello"), 403, "token_algorithm"),
        ("JWT before nbf", jwt_put("/upload/s/f", &early, b"hello"), 403, "token_not_yet_valid"),
        ("JWT without exp", jwt_put("/upload/s/f", &no_exp, b"hello"), 403, "token_without_expiry"),
        ("JWT at exp", jwt_put("/upload/s/f", &claims("s", "f", 5, "", NOW), b"hello"), 410, "token_expired"),
        ("JWT past exp", jwt_put("/upload/s/f", &claims("s", "f", 5, "", NOW - 1), b"hello"), 410, "token_expired"),
        ("another slot", jwt_put("/upload/other/f", &good, b"hello"), 400, "slot_mismatch"),
        (
            "name with a slash",
            jwt_put("/upload/s/f", &claims("s", "a/b", 5, "", NOW + 1), b"hello"),
            400,
            "path_malformed",
        ),
        (
            "name that climbs",
            jwt_put("/upload/s/f", &claims("s", "..", 5, "", NOW + 1), b"hello"),
            400,
            "path_malformed",
        ),
        ("no length", put(&tokens::v1("s/f", 5)), 411, "length_required"),
        ("chunked", put(&tokens::v1("s/f", 5)).header("Transfer-Encoding", "chunked"), 411, "length_required"),
        ("JWT of another size", jwt_put("/upload/s/f", &good, b"hello!"), 413, "size_mismatch"),
        (
            "contradicting lengths",
            put(&tokens::v1("s/f", 0)).header("X-Upload-Length", "0").body(b"hello"),
            413,
            "size_mismatch",
        ),
        (
            "chunked, announced",
            put(&tokens::v1("s/f", 0)).header("Transfer-Encoding", "chunked").header("X-Upload-Length", "0"),
            411,
            "length_required",
        ),
        ("length of no number", put(&tokens::v1("s/f", 5)).header("X-Upload-Length", "five"), 400, "length_malformed"),
        (
            "header of no text",
            put(&tokens::v1("s/f", 5)).header("Content-Type", "\u{e9}").body(b"hello"),
            400,
            "content_type_malformed",
        ),
        ("over the maximum", put(&tokens::v1("s/f", 1001)).body(&bytes(1001)), 413, "file_too_large"),
        ("malformed path", put(&tokens::v1("s/f", 5).replace("s/f", "s//f")).body(b"hello"), 400, "path_malformed"),
        (
            "type of 256 bytes",
            put(&tokens::v1("s/f", 5)).header("Content-Type", long_type).body(b"hello"),
            400,
            "content_type_malformed",
        ),
        (
            "another address",
            put(&tokens::v1("s/f", 5).replace("/upload/", "/other/")).body(b"hello"),
            404,
            "no_such_address",
        ),
        ("another method", Request::new("POST", "/upload/s/f").body(b"hello"), 405, "method_not_allowed"),
        ("DELETE switched off", Request::new("DELETE", "/upload/s/f"), 405, "method_not_allowed"),
    ];
    for (name, request, status, code) in rows {
        let answer = world.send(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}: {answer:?}");
        assert_eq!(answer.header("www-authenticate"), (status == 401).then_some("Bearer"), "{name}");
        assert_eq!(answer.header("allow"), (status == 405).then_some("OPTIONS, HEAD, GET, PUT"), "{name}");
    }
    assert!(world.is_empty().await);
    world.stop().await;
}

#[tokio::test]
async fn a_file_of_the_maximum_size_is_taken() {
    let world = World::with(Setup { variables: vec![("SATCHEL_MAX_SIZE", "1000".into())], ..Setup::default() }).await;
    world.store("s/f", &bytes(1000)).await;
    world.stop().await;
}

#[tokio::test]
async fn an_existing_file_is_never_overwritten() {
    let world = World::new().await;
    world.store("u/a", b"first").await;
    for request in [
        Request::new("PUT", &tokens::v1("u/a", 6)).body(b"second"),
        Request::new("PUT", &tokens::v1("u/a", 5)).body(b"other"),
        Request::new("PUT", &tokens::v1("u/a", 100_000)).body(&bytes(100_000)),
        Request::new("PUT", &tokens::v1("u/a", 5_000_000)).body(&bytes(5_000_000)),
    ] {
        let answer = world.send(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "file_exists"));
    }
    assert_eq!(world.fetch("/upload/u/a").await.body, b"first");
    world.stop().await;
}

#[tokio::test]
async fn one_jwt_stores_one_file_whatever_the_path_calls_it() {
    let world = World::new().await;
    let claims = claims("slot", "très cool.txt", 5, "text/plain", 4_000_000_000);
    assert_eq!(world.send(&jwt_put("/upload/slot/another", &claims, b"hello")).await.status, 201);
    assert_eq!(world.send(&jwt_put("/upload/slot/third", &claims, b"other")).await.status, 409);
    assert_eq!(world.keys("").await, ["uploads/slot/très cool.txt"]);
    assert_eq!(world.fetch(&tokens::target("slot/très cool.txt")).await.body, b"hello");
    world.stop().await;
}

#[tokio::test]
async fn claims_become_type_and_metadata() {
    let world = World::with(Setup { s3: true, ..at(NOW) }).await;
    let mut claims = claims("s", "naïve.bin", 5, "", NOW + 60);
    claims["expires"] = json!(NOW + 1_000);
    claims["filesize"] = json!(5.0);
    let request = jwt_put("/upload/s/x", &claims, b"hello").header("Content-Type", "text/html");
    assert_eq!(world.send(&request).await.status, 201);
    let head = world.s3().head_object().bucket("satchel").key("uploads/s/naïve.bin").send().await.unwrap();
    assert_eq!(head.content_type(), Some("application/octet-stream"));
    let metadata = head.metadata().unwrap();
    assert_eq!(metadata["expires"], (NOW + 1_000).to_string());
    let sha1 = "a5018f8c277bc4e61647c7b631df1c57f1cd4628";
    assert!(metadata["owner"].len() == 40 && metadata["owner"] != sha1, "anyone could try JIDs against a plain hash");
    assert_eq!(metadata["filename"], "na%C3%AFve.bin");
    world.stop().await;
}

#[tokio::test]
async fn files_without_their_own_expiry_get_the_deployments() {
    let variables = vec![("SATCHEL_RETENTION_DAYS", "2".to_owned())];
    let world = World::with(Setup { s3: true, variables, ..at(NOW) }).await;
    world.store("u/a", b"hello").await;
    let stored = world.storage().head(&path("u/a")).await.unwrap().unwrap();
    assert_eq!(stored.metadata.expires.unwrap().as_seconds(), NOW + 2 * 86_400);
    world.stop().await;
}

#[tokio::test]
async fn the_type_that_was_signed_is_the_type_that_is_served() {
    let world = World::new().await;
    for (number, (signed, header, served)) in [
        ("text/plain; charset=utf-8", Some("text/plain; charset=utf-8"), "text/plain; charset=utf-8"),
        ("image/png", Some("image/png; x=y"), "image/png"),
        ("application/octet-stream", Some("image/png"), "application/octet-stream"),
        ("application/octet-stream", None, "application/octet-stream"),
        ("", Some("image/png"), "application/octet-stream"),
        ("image/jpeg", None, "image/jpeg"),
        ("image/jpeg", Some("text/html"), "image/jpeg"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("u{number}/pic.jpg");
        let mut request = Request::new("PUT", &tokens::v2(&name, 5, signed));
        if let Some(header) = header {
            request = request.header("Content-Type", header);
        }
        assert_eq!(world.send(&request.body(b"hello")).await.status, 201, "{signed} {header:?}");
        let fetched = world.fetch(&tokens::target(&name)).await;
        assert_eq!(fetched.header("content-type"), Some(served), "{signed} {header:?}");
    }
    world.stop().await;
}

/// The slot request named a type; the PUT comes from another library, which names none or spells it in its own way.
#[tokio::test]
async fn what_was_signed_need_not_be_what_the_name_or_the_header_says() {
    let world = World::new().await;
    for (number, (name, signed, header)) in [
        ("a.m4a", "audio/mp4", None),
        ("a.m4a", "audio/x-m4a", None),
        ("a.ogg", "application/ogg", None),
        ("a.ogg", "audio/ogg; codecs=opus", None),
        ("a.mp3", "audio/mp3", None),
        ("a.wav", "audio/x-wav", None),
        ("a.amr", "audio/amr", None),
        ("a.vcf", "text/x-vcard", None),
        ("a.mkv", "video/x-matroska", None),
        ("a.tar.gz", "application/x-compressed-tar", None),
        ("a", "audio/ogg; codecs=opus", Some("audio/ogg;codecs=opus")),
        ("a", "audio/ogg;codecs=opus", Some("audio/ogg; codecs=\"opus\"")),
        ("a", "text/plain;charset=utf-8", Some("Text/Plain; charset=UTF-8")),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("u{number}/{name}");
        let mut request = Request::new("PUT", &tokens::v2(&path, 5, signed));
        if let Some(header) = header {
            request = request.header("Content-Type", header);
        }
        assert_eq!(world.send(&request.body(b"hello")).await.status, 201, "{name} {signed} {header:?}");
        let fetched = world.fetch(&tokens::target(&path)).await;
        assert_eq!(fetched.header("content-type"), Some(signed), "{name} {header:?}");
    }
    for (path, signed, header) in [
        ("u/a.m4a", "text/html", None),
        ("u/a", "audio/ogg; codecs=opus", Some("audio/ogg; codecs=vorbis")),
        ("u/a", "audio/ogg; codecs=opus", Some("audio/ogg")),
    ] {
        let mut request = Request::new("PUT", &tokens::v2(path, 5, signed));
        if let Some(header) = header {
            request = request.header("Content-Type", header);
        }
        assert_eq!(world.send(&request.body(b"hello")).await.code(), "mac_mismatch", "{path} {signed} {header:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_strongest_token_decides() {
    let world = World::new().await;
    let good_v1 = tokens::v1("u/a", 5);
    let target = format!("{good_v1}&v2={}", "0".repeat(64));
    assert_eq!(world.put(&target, b"hello").await.code(), "mac_mismatch");
    let upper = good_v1.split_once('=').map(|(start, mac)| format!("{start}={}", mac.to_uppercase())).unwrap();
    assert_eq!(world.put(&upper, b"hello").await.status, 201);
    world.stop().await;
}

#[tokio::test]
async fn empty_files_work() {
    let world = World::new().await;
    world.store("u/empty", b"").await;
    let unannounced = Request::new("PUT", &tokens::v1("u/unannounced", 0));
    assert_eq!(world.send(&unannounced).await.status, 201);
    assert_eq!(world.send(&jwt_put("/upload/s/f", &claims("s", "f", 0, "", 4_000_000_000), b"")).await.status, 201);
    for target in ["/upload/u/empty", "/upload/u/unannounced", "/upload/s/f"] {
        let fetched = world.fetch(target).await;
        assert_eq!((fetched.status, fetched.body.len()), (200, 0), "{target}");
        assert_eq!(fetched.header("content-length"), Some("0"));
    }
    world.stop().await;
}

#[tokio::test]
async fn an_announced_digest_is_checked_and_handed_on() {
    let world = World::with_s3().await;
    let body = b"hello";
    let right = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    let hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let wrong = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for (path, name, value, status, code) in [
        ("u/1", "Content-Digest", format!("sha-256=:{right}:"), 201, ""),
        ("u/2", "Repr-Digest", format!("sha-512=:AAAA:, sha-256=:{right}:"), 201, ""),
        ("u/3", "X-Checksum-SHA256", hex.into(), 201, ""),
        ("u/4", "Content-Digest", format!("sha-256=:{wrong}:"), 400, "digest_mismatch"),
        ("u/4", "Repr-Digest", format!("sha-256=:{wrong}:"), 400, "digest_mismatch"),
        ("u/4", "X-Checksum-SHA256", hex.replace('2', "3"), 400, "digest_mismatch"),
        ("u/4", "Content-Digest", "sha-256=nonsense".into(), 400, "digest_malformed"),
        ("u/4", "X-Checksum-SHA256", "nonsense".into(), 400, "digest_malformed"),
        ("u/4", "Content-Digest", "sha-256=:é:".into(), 400, "digest_malformed"),
    ] {
        let answer = world.send(&Request::new("PUT", &tokens::v1(path, 5)).header(name, &value).body(body)).await;
        assert_eq!(answer.status, status, "{name}: {value}");
        if status != 201 {
            assert_eq!(answer.code(), code, "{name}: {value}");
        }
    }
    assert_eq!(world.keys("").await, ["uploads/u/1", "uploads/u/2", "uploads/u/3"]);
    let head = world.s3().head_object().bucket("satchel").key("uploads/u/1");
    let head = head.checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(head.checksum_sha256(), Some(right));
    world.stop().await;
}

#[tokio::test]
async fn a_stored_upload_costs_one_s3_request_and_a_redirect_one() {
    let s3 = PlainS3::start().await;
    let world = s3.world_as_on_aws().await;
    // The first request may come with a connection's own.
    world.store("u/first", b"hello").await;
    let before = s3.requests();
    world.store("u/a", &bytes(100_000)).await;
    assert_eq!(s3.requests() - before, 1);
    let announced = Request::new("PUT", &tokens::v1("u/b", 5)).header("X-Upload-Length", "5");
    assert_eq!(world.send(&announced).await.status, 307);
    assert_eq!(s3.requests() - before, 2);
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn metronomes_delete_needs_its_own_token() {
    let variables = vec![("SATCHEL_METRONOME_DELETE_SECRET", "the next one\ndelsecret".to_owned())];
    let world = World::with(Setup { variables, ..Setup::default() }).await;
    world.store("d/pic.png", b"hello").await;
    let delete = |target: String| Request::new("DELETE", &target);
    for (name, target, status, code) in [
        ("no token", tokens::target("d/pic.png"), 403, "token_missing"),
        ("the PUT's token", tokens::metronome("d/pic.png", 5, ""), 403, "mac_mismatch"),
        ("a v1 token", tokens::v1("d/pic.png", 5), 403, "token_missing"),
        ("another secret", tokens::metronome_delete("d/pic.png", "other"), 403, "mac_mismatch"),
        ("unknown file", tokens::metronome_delete("d/other", "delsecret"), 404, "file_not_found"),
    ] {
        let answer = world.send(&delete(target)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}");
    }
    assert_eq!(world.fetch("/upload/d/pic.png").await.body, b"hello");
    let deleted = world.send(&delete(tokens::metronome_delete("d/pic.png", "delsecret"))).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(world.get("/upload/d/pic.png").await.status, 404);
    let again = world.send(&delete(tokens::metronome_delete("d/pic.png", "delsecret"))).await;
    assert_eq!(again.status, 404);
    let allowed = world.send(&Request::new("PATCH", "/upload/d/pic.png")).await;
    assert_eq!(allowed.header("allow"), Some("OPTIONS, HEAD, GET, PUT, DELETE"));
    world.stop().await;
}

/// One upload is sealed, two more wait: none of them comes back.
#[tokio::test]
async fn a_delete_reaches_every_upload_that_waits_to_be_sealed() {
    let s3 = PlainS3::start().await;
    let world = s3.world(vec![("SATCHEL_METRONOME_DELETE_SECRET", "delsecret".to_owned())]).await;
    for sealed in [false, true] {
        let announced = Request::new("PUT", &tokens::v1("u/b", 5)).header("X-Upload-Length", "5");
        let redirects = [world.send(&announced).await, world.send(&announced).await, world.send(&announced).await];
        for redirect in &redirects {
            assert_eq!(follow_with(redirect, "PUT", &[], b"hello").await.status, 200);
        }
        if sealed {
            assert_eq!(world.fetch("/upload/u/b").await.body, b"hello");
        }
        let delete = Request::new("DELETE", &tokens::metronome_delete("u/b", "delsecret"));
        assert_eq!(world.send(&delete).await.status, 204, "sealed: {sealed}");
        assert_eq!(world.get("/upload/u/b").await.status, 404, "sealed: {sealed}");
        assert!(world.is_empty().await, "sealed: {sealed}");
    }
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let world = World::new().await;
    world.store("u/a", b"hello").await;
    let world = world.restart().await;
    let fetched = follow(&world.get("/upload/u/a").await, "GET", &[]).await;
    assert_eq!(fetched.body, b"hello");
    assert_eq!(world.put(&tokens::v1("u/a", 5), b"other").await.status, 409);
    world.stop().await;
}

#[tokio::test]
async fn an_unreachable_store_is_503_and_says_when_to_try_again() {
    // Bound and never listening: connections are refused.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let variables = elsewhere(&socket.local_addr().unwrap().to_string());
    let world = World::with(Setup { variables, ..Setup::default() }).await;
    let large = Request::new("PUT", &tokens::v1("u/b", 5_000_000)).body(&bytes(5_000_000));
    for request in
        [Request::new("PUT", &tokens::v1("u/a", 5)).body(b"hello"), large, Request::new("GET", "/upload/u/a")]
    {
        let answer = world.send(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
        assert_eq!(answer.header("retry-after"), Some("5"));
        assert!(!String::from_utf8_lossy(&answer.body).contains("127.0.0.1"), "nothing internal is told");
    }
    world.stop().await;
}
