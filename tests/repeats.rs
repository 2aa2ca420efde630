//! An upload whose answer got lost, and which the client sends again.

use std::sync::Arc;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tokio::task::JoinSet;

use crate::support::{
    Answer, BUCKET, PlainS3, Request, Setup, World, bytes,
    stores::over_each_store,
    tokens::{self, bearer, claims},
};

const NOW: u64 = 1_612_113_200;

fn put(target: &str, body: &[u8]) -> Request {
    Request::new("PUT", target).body(body)
}

fn jwt_put(target: &str, exp: u64, body: &[u8]) -> Request {
    let slot = target.split('/').nth(2).unwrap();
    put(target, body).header("Authorization", bearer(&claims(slot, "a.txt", body.len(), "text/plain", exp)))
}

/// A request of each protocol for one path and body.
fn by_every_token(path: &str, body: &[u8]) -> [(&'static str, Request); 4] {
    let size = body.len();
    [
        ("v", put(&tokens::v1(path, size), body)),
        ("v2", put(&tokens::v2(path, size, "text/plain"), body).header("Content-Type", "text/plain")),
        ("token", put(&tokens::metronome(path, size, "text/plain"), body).header("Content-Type", "text/plain")),
        ("jwt", jwt_put(&tokens::target(path), 4_000_000_000, body)),
    ]
}

fn outcome(answer: &Answer) -> String {
    if answer.status == 201 { "201".to_owned() } else { format!("{} {}", answer.status, answer.code()) }
}

#[tokio::test]
async fn the_same_token_with_the_same_bytes_is_201_and_nothing_else_is() {
    let world = World::new().await;
    for (number, name) in ["v", "v2", "token", "jwt"].into_iter().enumerate() {
        let path = format!("u{number}/a.txt");
        let (_, first) = &by_every_token(&path, b"hello")[number];
        assert_eq!(outcome(&world.send(first).await), "201", "{name}");
        for (other, request) in by_every_token(&path, b"hello") {
            let expected = if other == name { "201" } else { "409 file_exists" };
            assert_eq!(outcome(&world.send(&request).await), expected, "{name}, then {other}");
        }
        for (other, request) in by_every_token(&path, b"other") {
            assert_eq!(
                outcome(&world.send(&request).await),
                "409 file_exists",
                "{name}, then other bytes with {other}"
            );
        }
        assert_eq!(world.fetch(&tokens::target(&path)).await.body, b"hello", "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_file_of_every_size_that_a_function_takes_may_come_again() {
    let world = World::with(Setup { strict_aws: true, ..Setup::default() }).await;
    for size in [0, 1, 65_536, 65_537, 4_669_440] {
        let (path, body) = (format!("u/{size}"), bytes(size));
        let target = tokens::v1(&path, size);
        assert_eq!(
            [world.put(&target, &body).await.status, world.put(&target, &body).await.status],
            [201, 201],
            "{size}"
        );
        if size > 0 {
            let mut other = body.clone();
            other[size - 1] ^= 1;
            assert_eq!(world.put(&target, &other).await.status, 409, "{size}");
        }
        assert!(world.fetch(&tokens::target(&path)).await.body == body, "{size}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_file_of_any_size_may_come_again() {
    over_each_store(async |world| {
        for size in [0, 1, 32_768, 32_769, 65_536, 65_537, 6_000_000] {
            let (path, body) = (format!("u/{size}"), bytes(size));
            let again = Request::new("PUT", &tokens::v1(&path, size)).header("Expect", "100-continue").body(&body);
            let statuses = [world.send(&again).await.status, world.send(&again).await.status];
            assert_eq!(statuses, [201, 201], "{size}");
            if size > 0 {
                let mut other = body.clone();
                other[size - 1] ^= 1;
                assert_eq!(world.put(&tokens::v1(&path, size), &other).await.status, 409, "{size}");
            }
            assert!(world.fetch(&tokens::target(&path)).await.body == body, "{size}");
        }
    })
    .await;
}

#[tokio::test]
async fn digits_of_either_case_are_one_token() {
    let world = World::new().await;
    let lower = tokens::v1("u/a", 5);
    let (start, mac) = lower.split_once('=').unwrap();
    let upper = format!("{start}={}", mac.to_uppercase());
    assert_eq!([world.put(&lower, b"hello").await.status, world.put(&upper, b"hello").await.status], [201, 201]);
    world.stop().await;
}

#[tokio::test]
async fn a_repeat_costs_the_two_s3_requests_of_a_refusal() {
    let s3 = PlainS3::start().await;
    let world = s3.world_as_on_aws().await;
    let target = tokens::v1("u/a", 5);
    for (name, body, status, requests) in
        [("stored", b"hello", 201, 1), ("the same", b"hello", 201, 2), ("others", b"other", 409, 2)]
    {
        let before = s3.requests();
        assert_eq!(world.put(&target, body).await.status, status, "{name}");
        assert_eq!(s3.requests() - before, requests, "{name}");
    }
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn a_repeat_is_logged_as_one_and_counted_once() {
    let world = World::new().await;
    for code in ["stored", "stored_before"] {
        assert_eq!(world.put(&tokens::v1("u/a", 5), b"hello").await.status, 201);
        let line = world.lines.last();
        assert_eq!((&line["code"], &line["level"]), (&code.into(), &"INFO".into()), "{line}");
        assert_eq!(line["size_bytes"], 5, "{line}");
        assert_eq!(metric(&world, "satchel_uploads_total").await, 1.0, "{code}");
    }
    world.stop().await;
}

async fn metric(world: &World, name: &str) -> f64 {
    let text = String::from_utf8(world.get("/metrics").await.body).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap()
}

#[tokio::test]
async fn an_expired_token_is_refused_whatever_it_has_stored() {
    let world = World::with(Setup { now: Some(NOW), ..Setup::default() }).await;
    let request = jwt_put("/upload/s/a.txt", NOW + 60, b"hello");
    for (now, expected) in [(NOW, "201"), (NOW + 59, "201"), (NOW + 60, "410 token_expired")] {
        world.set_clock(now);
        assert_eq!(outcome(&world.send(&request).await), expected, "{}", now - NOW);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_file_whose_time_is_over_is_no_success() {
    for strict_aws in [false, true] {
        let world = World::with(Setup { now: Some(NOW), strict_aws, ..Setup::default() }).await;
        let mut claims = claims("s", "a.txt", 5, "text/plain", NOW + 1_000);
        claims["expires"] = (NOW + 100).into();
        let request = put("/upload/s/a.txt", b"hello").header("Authorization", bearer(&claims));
        for (now, expected) in [(NOW, "201"), (NOW + 99, "201"), (NOW + 100, "409 file_exists")] {
            world.set_clock(now);
            assert_eq!(outcome(&world.send(&request).await), expected, "{}", now - NOW);
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn what_was_deleted_is_stored_anew() {
    let variables = vec![("SATCHEL_METRONOME_DELETE_SECRET", "delsecret".to_owned())];
    let world = World::with(Setup { variables, ..Setup::default() }).await;
    let (upload, delete) = (tokens::metronome("u/a", 5, ""), tokens::metronome_delete("u/a", "delsecret"));
    for body in [b"first", b"other"] {
        assert_eq!([world.put(&upload, body).await.status, world.put(&upload, body).await.status], [201, 201]);
        assert_eq!(world.fetch("/upload/u/a").await.body, body);
        assert_eq!(world.send(&Request::new("DELETE", &delete)).await.status, 204);
    }
    assert_eq!(world.get("/upload/u/a").await.status, 404);
    world.stop().await;
}

/// S3 tells the MD5 of what came in one request, and of nothing else.
#[tokio::test]
async fn an_object_whose_bytes_s3_does_not_tell_stays_409() {
    let world = World::with_s3().await;
    let (target, s3) = (tokens::v1("u/a", 5), world.s3());
    assert_eq!(world.put(&target, b"hello").await.status, 201);
    let head = s3.head_object().bucket(BUCKET).key("uploads/u/a").send().await.unwrap();
    s3.delete_object().bucket(BUCKET).key("uploads/u/a").send().await.unwrap();
    let begun = s3.create_multipart_upload().bucket(BUCKET).key("uploads/u/a").set_metadata(head.metadata);
    let id = begun.send().await.unwrap().upload_id.unwrap();
    let part = s3.upload_part().bucket(BUCKET).key("uploads/u/a").upload_id(&id).part_number(1);
    let part = part.body(b"hello".to_vec().into()).send().await.unwrap();
    let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
    let complete = s3.complete_multipart_upload().bucket(BUCKET).key("uploads/u/a").upload_id(id);
    complete.multipart_upload(CompletedMultipartUpload::builder().parts(part).build()).send().await.unwrap();
    assert_eq!(outcome(&world.put(&target, b"hello").await), "409 file_exists");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_at_the_same_time_is_one_upload_and_others_are_not() {
    let world = Arc::new(World::new().await);
    for round in 0..40 {
        let path = format!("round/{round}");
        for (name, bodies, expected) in
            [("the same", [b"hello", b"hello"], [201, 201]), ("others", [b"first", b"other"], [201, 409])]
        {
            let path = format!("{path} {name}");
            let mut requests = JoinSet::new();
            for body in bodies {
                let (world, request) = (Arc::clone(&world), put(&tokens::v1(&path, 5), body));
                requests.spawn(async move { (world.send(&request).await.status, body) });
            }
            let mut answers = requests.join_all().await;
            answers.sort_unstable();
            assert_eq!([answers[0].0, answers[1].0], expected, "{path}");
            assert_eq!(world.fetch(&tokens::target(&path)).await.body, answers[0].1, "{path}");
        }
    }
    Arc::into_inner(world).unwrap().stop().await;
}

/// A resumable upload that comes as a whole, and once more: both addresses are the one upload's.
#[tokio::test]
async fn a_creation_with_all_of_the_file_may_come_again() {
    let world = World::new().await;
    let created = |body: &[u8]| {
        let target = tokens::v1("u/a", body.len()).replacen("/upload/", "/resume/", 1);
        let request = Request::new("POST", &target).header("Tus-Resumable", "1.0.0");
        let request = request.header("Upload-Length", body.len().to_string());
        request.header("Content-Type", "application/offset+octet-stream").body(body)
    };
    for code in ["stored", "stored_before"] {
        let answer = world.send(&created(b"hello")).await;
        assert_eq!((answer.status, world.lines.last()["code"].as_str()), (201, Some(code)), "{answer:?}");
        let found = Request::new("HEAD", "/resume/u/a").header("Tus-Resumable", "1.0.0");
        let found = world.send(&found.header("X-Session-Token", answer.header("x-session-token").unwrap())).await;
        assert_eq!((found.status, found.header("upload-offset")), (200, Some("5")), "{code}");
    }
    assert_eq!(outcome(&world.send(&created(b"other")).await), "409 file_exists");
    assert_eq!(world.fetch("/upload/u/a").await.body, b"hello");
    world.stop().await;
}
