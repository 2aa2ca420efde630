//! What a line says of time: when, how long, and whether the function had to start first.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Answer, PlainS3, Request, World, bytes, tokens};

#[tokio::test]
async fn a_call_is_cold_once_for_each_function() {
    let world = World::new().await;
    for (target, cold) in [("/upload/u/a", true), ("/upload/u/a", false)] {
        world.get(target).await;
        assert_eq!(world.lines.last()["cold_start"], cold);
        world.put(target, b"hello").await;
        assert_eq!(world.lines.last()["cold_start"], cold);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_large_upload_can_be_a_cold_start() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    for (path, cold) in [("u/a", true), ("u/b", false)] {
        let large = bytes(5_000_000);
        assert_eq!(world.put(&tokens::v1(path, large.len()), &large).await.status, 201);
        let line = world.lines.last();
        assert_eq!((&line["function"], &line["cold_start"]), (&json!("upload"), &json!(cold)), "{line}");
    }
    world.store("u/c", b"hello").await;
    assert_eq!(world.lines.last()["cold_start"], false);
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn durations_begin_before_the_body_comes() {
    let world = World::new().await;
    for (path, length) in [("u/a", 1_000), ("u/b", 100_000)] {
        let host = world.stack.address().to_string();
        let put = Request::new("PUT", &tokens::v1(path, length)).header("Content-Length", length.to_string());
        let mut socket = TcpStream::connect(&host).await.unwrap();
        socket.write_all(&put.header("Expect", "100-continue").head(&host)).await.unwrap();
        let mut permission = [0; 25];
        socket.read_exact(&mut permission).await.unwrap();
        // The stack has had the head since before this moment; time is what passes now, and nothing else to wait for.
        let asked = Instant::now();
        tokio::time::sleep(Duration::from_millis(20)).await;
        socket.write_all(&bytes(length)).await.unwrap();
        let waited = asked.elapsed();
        assert_eq!(Answer::read(&mut socket).await.status, 201);
        let took = world.lines.last()["duration_ms"].as_f64().unwrap();
        assert!(took >= waited.as_secs_f64() * 1_000.0 - 1.0, "{took} ms, of which {waited:?} for the body");
    }
    world.stop().await;
}

#[tokio::test]
async fn times_are_of_rfc_3339_and_durations_of_this_request() {
    let world = World::new().await;
    world.get("/upload/u/a").await;
    let line = world.lines.last();
    let text = line["timestamp"].as_str().unwrap();
    let at = satchel_core::date_time::parse(text).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(text.ends_with('Z') && now - at.as_seconds() <= 60, "{text}");
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{line}");
    world.stop().await;
}
