//! Every row of the status table of a PUT, and that nothing is stored then.

use crate::support::{
    Request, Setup, World, bytes, elsewhere,
    tokens::{self, bearer, claims, jwt_put},
};

const NOW: u64 = 1_612_113_200;

/// With the stable code of each, which README.md explains under "Answers".
#[tokio::test]
async fn every_refusal_has_its_status_and_code_and_stores_nothing() {
    let world =
        World::with(Setup { variables: vec![("SATCHEL_MAX_SIZE", "1000".into())], now: Some(NOW), ..Setup::default() })
            .await;
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
