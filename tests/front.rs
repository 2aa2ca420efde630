//! Bodies over what a Lambda event can hold, and bodies that never come.

use futures_util::StreamExt;
use satchel_core::{
    content_type::ContentType,
    grant::{Grant, UploadId},
    outcome::Failure,
};
use satchel_store::{Body, NewUpload, Objects};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    Answer, PlainS3, Request, Setup, World, bytes, path,
    stores::over_each_store,
    tokens::{self, bearer, claims},
};

const LARGE: usize = 5_000_000;

#[tokio::test]
async fn large_files_are_streamed_and_answered_with_201() {
    let s3 = PlainS3::start().await;
    for world in [World::new().await, s3.world(Vec::new()).await] {
        streams_large_files(&world).await;
        world.stop().await;
    }
    s3.stop().await;
}

async fn streams_large_files(world: &World) {
    let body = bytes(LARGE);
    assert_eq!(world.put(&tokens::v1("u/a.bin", LARGE), &body).await.status, 201);
    assert_eq!(world.keys("").await, ["uploads/u/a.bin"]);
    assert!(world.fetch("/upload/u/a.bin").await.body == body);
    let jwt = bearer(&claims("s", "b.png", LARGE, "image/png", 4_000_000_000));
    let request = Request::new("PUT", "/upload/s/b.png").header("Authorization", jwt).header("Content-Type", "x/y");
    assert_eq!(world.send(&request.body(&body)).await.status, 201);
    assert_eq!(world.fetch("/upload/s/b.png").await.header("content-type"), Some("image/png"));
    let metadata = world.metadata("uploads/s/b.png").await;
    assert_eq!(metadata["filename"], "b.png");
    assert_eq!(metadata["owner"].len(), 40);
}

/// Around the limits between a body that is read first, one that is asked for, and one that is streamed.
#[tokio::test]
async fn sizes_around_every_limit_are_stored_alike() {
    let s3 = PlainS3::start().await;
    for world in [World::new().await, s3.world(Vec::new()).await] {
        for limit in [32 * 1024, 64 * 1024, 4_669_440, 4_718_592] {
            for size in [limit - 1, limit, limit + 1] {
                let (path, body) = (format!("u/{size}"), bytes(size));
                world.store(&path, &body).await;
                assert!(world.fetch(&tokens::target(&path)).await.body == body, "{size}");
            }
        }
        assert!(world.keys("incoming/").await.is_empty());
        world.stop().await;
    }
    s3.stop().await;
}

#[tokio::test]
async fn strict_aws_refuses_what_aws_would_refuse() {
    let world = World::with(Setup { strict_aws: true, ..Setup::default() }).await;
    for size in [4_718_592, LARGE, 10_485_760, 10_485_761] {
        let answer = world.put(&tokens::v1("u/a", size), &bytes(size)).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"), "{size}");
    }
    assert!(world.is_empty().await);
    world.store("u/a", &bytes(4_669_440)).await;
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_digest_of_a_large_body_stores_nothing() {
    over_each_store(async |world| {
        let body = bytes(LARGE);
        for (path, digest, status) in [
            ("u/a", satchel_core::digest::Sha256Digest::of(b"other"), 400),
            ("u/b", satchel_core::digest::Sha256Digest::of(&body), 201),
        ] {
            let header = format!("sha-256=:{}:", digest.to_base64());
            let request = Request::new("PUT", &tokens::v1(path, LARGE)).header("Content-Digest", header).body(&body);
            assert_eq!(world.send(&request).await.status, status, "{path}");
        }
        assert_eq!(world.keys("").await, ["uploads/u/b"]);
    })
    .await;
}

/// Sends the head of a request and no body; gives what comes back.
async fn without_body(world: &World, request: &Request) -> Answer {
    let host = world.stack.address().to_string();
    let mut socket = TcpStream::connect(&host).await.unwrap();
    socket.write_all(&request.head(&host)).await.unwrap();
    Answer::read(&mut socket).await
}

fn announcing(target: &str, length: usize) -> Request {
    Request::new("PUT", target).header("Content-Length", length.to_string()).header("Expect", "100-continue")
}

#[tokio::test]
async fn refusals_come_before_the_body_is_read() {
    over_each_store(async |world| {
        world.store("u/there", b"hello").await;
        for (target, length, status) in [
            (tokens::v1("u/a", 6), 5, 403),
            (tokens::v1("u/a", LARGE), LARGE + 1, 403),
            (tokens::v1("u/there", LARGE), LARGE, 409),
            ("/upload/u/..".to_owned(), LARGE, 400),
        ] {
            let answer = without_body(world, &announcing(&target, length)).await;
            // A proxy must know that nobody reads what it may send now.
            assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{target}");
        }
        // Another S3 is asked with the body, where that is small.
        if world.stack.store().is_some() {
            assert_eq!(without_body(world, &announcing(&tokens::v2("u/there", 5, ""), 5)).await.status, 409);
        }
        // A client that does not wait is answered as early.
        let patient = Request::new("PUT", &tokens::v1("u/there", LARGE)).header("Content-Length", LARGE.to_string());
        let host = world.stack.address().to_string();
        let mut socket = TcpStream::connect(&host).await.unwrap();
        socket.write_all(&patient.head(&host)).await.unwrap();
        let mut start = [0; 12];
        socket.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 409");
        drop(socket);
    })
    .await;
}

#[tokio::test]
async fn permission_is_given_where_the_upload_is_accepted() {
    over_each_store(async |world| {
        for length in [5, 100_000, LARGE] {
            let path = format!("u/{length}");
            let host = world.stack.address().to_string();
            let mut socket = TcpStream::connect(&host).await.unwrap();
            socket.write_all(&announcing(&tokens::v1(&path, length), length).head(&host)).await.unwrap();
            let mut permission = [0; 25];
            socket.read_exact(&mut permission).await.unwrap();
            assert_eq!(&permission, b"HTTP/1.1 100 Continue\r\n\r\n", "{length}");
            socket.write_all(&bytes(length)).await.unwrap();
            assert_eq!(Answer::read(&mut socket).await.status, 201, "{length}");
        }
    })
    .await;
}

/// Four megabytes over a bad line take longer than a token lives.
#[tokio::test]
async fn a_token_that_was_good_when_it_came_stays_good_while_the_body_does() {
    const NOW: u64 = 1_612_113_200;
    let world = World::with(Setup { now: Some(NOW), ..Setup::default() }).await;
    for length in [5, 100_000, LARGE] {
        let name = length.to_string();
        let token = bearer(&claims("slot", &name, length, "", NOW + 300));
        let host = world.stack.address().to_string();
        let mut socket = TcpStream::connect(&host).await.unwrap();
        let request = announcing(&format!("/upload/slot/{name}"), length).header("Authorization", token);
        socket.write_all(&request.head(&host)).await.unwrap();
        let mut permission = [0; 25];
        socket.read_exact(&mut permission).await.unwrap();
        world.set_clock(NOW + 1_000);
        socket.write_all(&bytes(length)).await.unwrap();
        assert_eq!(Answer::read(&mut socket).await.status, 201, "{length}");
        world.set_clock(NOW);
    }
    world.stop().await;
}

/// What S3 takes in one request, should the largest file ever be larger.
#[tokio::test]
async fn a_body_over_5_gib_for_another_s3_is_refused_before_it_is_read() {
    let world = World::over_s3(Setup::default()).await;
    let grant = Grant {
        path: path("u/a"),
        size: (5 << 30) + 1,
        content_type: ContentType::default(),
        expires: None,
        owner: None,
        id: UploadId::from_random([1; 9]),
        token: None,
    };
    let never = Body::Streamed(futures_util::stream::pending().boxed());
    let created = Objects::create(&world.storage(), &NewUpload { grant, digest: None }, never).await;
    let problem = satchel_upload::stored(created).unwrap_err().problem();
    assert_eq!((problem.status.as_u16(), problem.code), (413, "body_too_large"));
    assert!(problem.detail.contains("tus"), "{problem:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_client_that_dies_in_mid_body_leaves_nothing_visible() {
    over_each_store(async |world| {
        for (stored, length) in [1_000, 100_000, LARGE].into_iter().enumerate() {
            let path = format!("u/{length}");
            let host = world.stack.address().to_string();
            let mut socket = TcpStream::connect(&host).await.unwrap();
            let request = Request::new("PUT", &tokens::v1(&path, length)).header("Content-Length", length.to_string());
            socket.write_all(&request.head(&host)).await.unwrap();
            socket.write_all(&bytes(length - 1)).await.unwrap();
            // The other direction stays open, so that the end of the request is seen before the check below.
            socket.shutdown().await.unwrap();
            let mut rest = Vec::new();
            let _ = socket.read_to_end(&mut rest).await;
            assert_eq!(world.get(&tokens::target(&path)).await.status, 404, "{length}");
            assert_eq!(world.keys("").await.len(), stored, "{length}");
            world.store(&path, &bytes(length)).await;
            assert!(world.fetch(&tokens::target(&path)).await.body == bytes(length), "{length}");
        }
    })
    .await;
}
