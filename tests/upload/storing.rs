//! A PUT that is taken: what is stored, and that it stays.

use serde_json::json;

use crate::support::{
    PlainS3, Request, Setup, World, bytes, follow, path,
    tokens::{self, claims, jwt_put},
};

const NOW: u64 = 1_612_113_200;

fn at(now: u64) -> Setup {
    Setup { now: Some(now), ..Setup::default() }
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
async fn everything_survives_a_restart() {
    let world = World::new().await;
    world.store("u/a", b"hello").await;
    let world = world.restart().await;
    let fetched = follow(&world.get("/upload/u/a").await, "GET", &[]).await;
    assert_eq!(fetched.body, b"hello");
    assert_eq!(world.put(&tokens::v1("u/a", 5), b"other").await.status, 409);
    world.stop().await;
}
