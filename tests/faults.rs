//! An S3 that says no, says nonsense, or dies: never a success that is none, never a refusal that is none.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use crate::support::{Request, Setup, World, bytes, elsewhere, tokens};

/// A store that answers by operation: the status of PutObject, of HeadObject, of everything else.
struct Faulty {
    address: SocketAddr,
    served: JoinHandle<()>,
}

/// Statuses that are none.
const STOPS_READING: u16 = 0;
const NEVER_ANSWERS: u16 = 1;

impl Faulty {
    async fn start(put: u16, head: u16, other: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut head_bytes = Vec::new();
                    while !head_bytes.windows(4).any(|window| window == b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head_bytes.push(byte);
                    }
                    let text = String::from_utf8_lossy(&head_bytes);
                    let status = match text.split(' ').next() {
                        Some("PUT") if !text.contains("x-amz-copy-source") => put,
                        Some("HEAD") => head,
                        _ => other,
                    };
                    match status {
                        STOPS_READING => return std::future::pending().await,
                        NEVER_ANSWERS => return drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await),
                        _ => {}
                    }
                    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                });
            }
        });
        Self { address, served }
    }
}

#[tokio::test]
async fn only_an_object_that_is_there_is_a_conflict() {
    for (name, put, head, other, status, code) in [
        ("a conflict that never ends", 409, 404, 404, 503, "storage_unavailable"),
        ("a condition without an object", 412, 404, 404, 503, "storage_unavailable"),
        ("no permission", 403, 404, 404, 503, "storage_unavailable"),
        ("an object of somebody else's", 412, 200, 404, 409, "file_exists"),
    ] {
        let s3 = Faulty::start(put, head, other).await;
        let world = World::with(Setup { variables: elsewhere(&s3.address.to_string()), ..Setup::default() }).await;
        let answer = world.put(&tokens::v1("u/a", 5), b"hello").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}");
        world.stop().await;
        s3.served.abort();
    }
}

#[tokio::test]
async fn a_large_upload_that_s3_does_not_take_is_not_acknowledged() {
    for (name, put, status, code) in [
        ("refused", 403, 503, "storage_unavailable"),
        ("out of order", 500, 503, "storage_unavailable"),
        ("moved", 301, 503, "storage_unavailable"),
        ("full", 507, 507, "storage_full"),
    ] {
        let s3 = Faulty::start(put, 404, 404).await;
        let world = World::with(Setup { variables: elsewhere(&s3.address.to_string()), ..Setup::default() }).await;
        let request = Request::new("PUT", &tokens::v1("u/a", HUGE)).body(&bytes(HUGE));
        let answer = world.send(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}");
        assert_explained(&world, &put.to_string());
        world.stop().await;
        s3.served.abort();
    }
}

/// The line has what is known of the upload, and what S3 did.
fn assert_explained(world: &World, cause: &str) {
    let line = world.lines.last();
    assert_eq!((&line["function"], &line["level"]), (&"upload".into(), &"ERROR".into()), "{line}");
    assert_eq!(line["protocol"], "v", "{line}");
    assert!(line["cause"].as_str().is_some_and(|said| said.contains("PutObject") && said.contains(cause)), "{line}");
    assert!(line["size_bytes"].is_u64(), "{line}");
}

#[tokio::test]
async fn an_upload_that_s3_has_not_asked_for_is_not_acknowledged() {
    // It says yes to the head.
    let s3 = Faulty::start(200, 404, 404).await;
    let world = World::with(Setup { variables: elsewhere(&s3.address.to_string()), ..Setup::default() }).await;
    let request = Request::new("PUT", &tokens::v1("u/a", HUGE)).body(&bytes(HUGE));
    assert_eq!(world.send(&request).await.code(), "storage_unavailable");
    assert_explained(&world, "before all of the body was sent");
    world.stop().await;
    s3.served.abort();
}

/// More than what sockets take by themselves.
const HUGE: usize = 40_000_000;

#[tokio::test]
async fn an_s3_that_hangs_in_mid_upload_is_given_up() {
    for (name, put) in [("stops reading", STOPS_READING), ("reads all and never answers", NEVER_ANSWERS)] {
        let s3 = Faulty::start(put, 404, 404).await;
        let variables = elsewhere(&s3.address.to_string());
        let s3_patience = Some(Duration::from_millis(300));
        let world = World::with(Setup { variables, s3_patience, ..Setup::default() }).await;
        let answer = world.send(&Request::new("PUT", &tokens::v1("u/a", HUGE)).body(&bytes(HUGE))).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"), "{name}");
        assert_eq!(answer.header("retry-after"), Some("5"), "{name}");
        assert_explained(&world, "S3 does not answer, or takes nothing");
        world.stop().await;
        s3.served.abort();
    }
}

/// What an S3 does with a GetObject, having sent the head and half of the bytes.
#[derive(Clone, Copy)]
enum Midway {
    Hangs,
    Dies,
}

/// An S3 with one object of which there is only half.
async fn half_an_object(midway: Midway) -> (SocketAddr, JoinHandle<()>) {
    const HEAD: &str = "Content-Length: 200000\r\nETag: \"0123456789abcdef0123456789abcdef\"\r\n\
                        Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                let answer = match head.split(|byte| *byte == b' ').next() {
                    Some(b"HEAD") => format!("HTTP/1.1 200 OK\r\n{HEAD}").into_bytes(),
                    Some(b"GET") => [format!("HTTP/1.1 206 X\r\n{HEAD}").as_bytes(), &bytes(100_000)].concat(),
                    _ => b"HTTP/1.1 403 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
                };
                let _ = stream.write_all(&answer).await;
                if head.starts_with(b"GET") && matches!(midway, Midway::Hangs) {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    (address, served)
}

#[tokio::test]
async fn a_download_that_s3_breaks_off_is_no_whole_file() {
    for midway in [Midway::Hangs, Midway::Dies] {
        let (address, served) = half_an_object(midway).await;
        let mut variables = elsewhere(&address.to_string());
        variables.push(("SATCHEL_DOWNLOADS", "stream".into()));
        let s3_patience = Some(Duration::from_millis(300));
        let world = World::with(Setup { variables, s3_patience, ..Setup::default() }).await;
        let answer = world.get("/upload/u/a").await;
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("200000")));
        assert!(answer.body.len() < 200_000 && bytes(100_000).starts_with(&answer.body));
        let line = world.lines.of_function("storage").await;
        assert_eq!((&line["code"], &line["level"]), (&"download_broken_off".into(), &"WARN".into()), "{line}");
        world.stop().await;
        served.abort();
    }
}
