//! The decision alone, for fronts that understand yes and no.

use crate::support::{Answer, PlainS3, Request, Setup, World, follow_with, tokens};

/// A front's question about a PUT.
fn question(target: &str, length: usize) -> Request {
    let target = format!("/authorize{target}");
    Request::new("PUT", &target).header("X-Upload-Length", length.to_string()).header("Content-Length", "0")
}

/// The answer as the redirect that it stands for.
fn redirect(answer: &Answer) -> Answer {
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(answer.header("location"), None, "a client must not follow it by itself");
    let url = answer.header("x-satchel-location").unwrap().to_owned();
    Answer { status: 307, headers: vec![("location".into(), url)], body: Vec::new() }
}

#[tokio::test]
async fn yes_comes_with_the_url_for_the_body() {
    let world = World::with_s3().await;
    for body in [b"".as_slice(), b"hello"] {
        let path = format!("u/{}", body.len());
        let answer = world.send(&question(&tokens::v1(&path, body.len()), body.len())).await;
        assert_eq!(follow_with(&redirect(&answer), "PUT", &[], body).await.status, 200);
        assert_eq!(world.fetch(&tokens::target(&path)).await.body, body);
    }
    world.stop().await;
}

#[tokio::test]
async fn an_announced_digest_goes_along() {
    let world = World::with_s3().await;
    let digest = satchel_core::digest::Sha256Digest::of(b"hello").to_base64();
    let question = question(&tokens::v1("u/a", 5), 5).header("Content-Digest", format!("sha-256=:{digest}:"));
    let answer = world.send(&question).await;
    let checksum = answer.header("x-satchel-checksum").unwrap();
    let put = follow_with(&redirect(&answer), "PUT", &[("x-amz-checksum-sha256", checksum)], b"hello").await;
    assert_eq!(put.status, 200);
    world.stop().await;
}

#[tokio::test]
async fn no_is_401_or_403_with_the_true_status_beside_it() {
    let world = World::with_s3().await;
    world.store("u/there", b"hello").await;
    let basic = question("/upload/u/a", 5).header("Authorization", "Basic eDp5");
    for (name, question, status, true_status, code) in [
        ("no token", question("/upload/u/a", 5), 403, "403", "token_missing"),
        ("another scheme", basic, 401, "401", "bearer_required"),
        ("wrong size", question(&tokens::v1("u/a", 6), 5), 403, "403", "mac_mismatch"),
        ("taken", question(&tokens::v1("u/there", 5), 5), 403, "409", "file_exists"),
        ("malformed", question("/upload/u/..", 5), 403, "400", "path_malformed"),
        (
            "no length",
            Request::new("PUT", &format!("/authorize{}", tokens::v1("u/a", 5))),
            403,
            "411",
            "length_required",
        ),
        ("a DELETE", Request::new("DELETE", "/authorize/upload/u/there"), 405, "", ""),
    ] {
        let answer = world.send(&question).await;
        assert_eq!(answer.status, status, "{name}");
        assert_eq!(answer.header("x-satchel-status").unwrap_or_default(), true_status, "{name}");
        assert_eq!(answer.header("x-satchel-code").unwrap_or_default(), code, "{name}");
    }
    assert_eq!(world.keys("").await, ["uploads/u/there"]);
    world.stop().await;
}

/// Only an S3 that clients reach can be named to them: without one, the body has to come here.
#[tokio::test]
async fn a_body_that_is_kept_back_from_a_folder_is_asked_for() {
    let plain = PlainS3::start().await;
    let strict = Setup { strict_aws: true, ..Setup::default() };
    for (name, world, has_s3) in [
        ("a folder", World::new().await, false),
        ("a folder with an S3 server", World::with_s3().await, true),
        ("a folder as on AWS", World::with(strict).await, true),
        ("another S3", plain.world(Vec::new()).await, true),
    ] {
        let announced = |target: &str| Request::new("PUT", target).header("X-Upload-Length", "5");
        let asked = world.send(&announced(&tokens::v1("u/a", 5))).await;
        let question_asked = world.send(&question(&tokens::v1("u/a", 5), 5)).await;
        let forged = world.send(&announced(&tokens::v1("u/a", 6))).await;
        assert_eq!((forged.status, forged.code().as_str()), (403, "mac_mismatch"), "{name}");
        if has_s3 {
            assert_eq!((asked.status, question_asked.status), (307, 204), "{name}");
        } else {
            assert_eq!((asked.status, asked.code().as_str()), (400, "body_required"), "{name}");
            let front = ["x-satchel-status", "x-satchel-code"].map(|header| question_asked.header(header));
            assert_eq!((question_asked.status, front), (403, [Some("400"), Some("body_required")]), "{name}");
            assert_eq!(question_asked.header("x-satchel-location"), None, "{name}");
        }
        assert!(world.is_empty().await, "{name}");
        // Nothing is kept back of a file without bytes.
        let empty = Request::new("PUT", &tokens::v1("u/none", 0)).header("X-Upload-Length", "0");
        assert_eq!(world.send(&empty).await.status, 201, "{name}");
        assert_eq!(world.put(&tokens::v1("u/a", 5), b"hello").await.status, 201, "{name}");
        world.stop().await;
    }
    plain.stop().await;
}
