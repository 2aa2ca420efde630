//! Commands to a running stack, over the socket in its data folder.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::UnixStream};

use crate::support::{
    Answer, PlainS3, Request, Setup, World,
    tokens::{bearer, claims},
};

const NOW: u64 = 1_612_113_200;
const HOUR: u64 = 3_600;

fn socket(world: &World) -> PathBuf {
    world.stack.data().join("control.sock")
}

async fn give(world: &World, method: &str, target: &str) -> Answer {
    let (mut reader, mut writer) = UnixStream::connect(socket(world)).await.unwrap().into_split();
    writer.write_all(&Request::new(method, target).to_bytes("satchel")).await.unwrap();
    Answer::read(&mut reader).await
}

/// The lines of an answer in chunks, each of which begins with its length.
fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/jsonl")), "{answer:?}");
    let text = String::from_utf8(answer.body.clone()).unwrap();
    text.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A world in which one file has expired, and another one has not.
async fn with_an_expired_file() -> World {
    let world = World::with(Setup { now: Some(NOW), ..Setup::default() }).await;
    for (slot, life) in [("short", 10), ("long", 100 * HOUR)] {
        let mut claims = claims(slot, "a", 5, "", NOW + 300);
        claims["expires"] = (NOW + life).into();
        let put = Request::new("PUT", &format!("/upload/{slot}/a")).header("Authorization", bearer(&claims));
        assert_eq!(world.send(&put.body(b"hello")).await.status, 201);
    }
    world.set_clock(NOW + HOUR);
    world
}

#[tokio::test]
async fn expire_says_how_it_goes_and_what_it_came_to() {
    let world = with_an_expired_file().await;
    let dry = lines(&give(&world, "POST", "/expire?dry_run=true").await);
    assert!(dry.iter().all(|line| line.get("lifecycle").is_none()), "a dry run leaves the rules alone: {dry:?}");
    let summary = &dry.last().unwrap()["summary"];
    assert_eq!((&summary["dry_run"], &summary["expired"]["objects"]), (&true.into(), &1.into()), "{dry:?}");
    assert_eq!(world.keys("uploads/").await.len(), 2);

    let real = lines(&give(&world, "POST", "/expire").await);
    assert_eq!(real[0]["lifecycle"]["objects"], 0, "{real:?}");
    assert!(real.iter().any(|line| line["progress"]["objects"] == 1), "{real:?}");
    let summary = &real.last().unwrap()["summary"];
    assert_eq!((&summary["expired"]["bytes"], &summary["left"]["objects"]), (&5.into(), &1.into()), "{real:?}");
    assert_eq!(world.keys("uploads/").await, ["uploads/long/a"]);
    let of_expire = world.lines.all().into_iter().filter(|line| line["function"] == "expire").count();
    assert_eq!(of_expire, 2, "the stack has a line for each");
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_command_is_refused_and_does_nothing() {
    let world = with_an_expired_file().await;
    for (method, target, status, code) in [
        ("GET", "/expire", 405, "method_not_allowed"),
        ("POST", "/", 404, "no_such_command"),
        ("POST", "/upload/short/a", 404, "no_such_command"),
        ("POST", "/expire?dry_run=yes", 400, "query_malformed"),
        ("POST", "/expire?dryrun=true", 400, "query_malformed"),
    ] {
        let answer = give(&world, method, target).await;
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        assert!(String::from_utf8_lossy(&answer.body).contains(&format!("\"code\":\"{code}\"")), "{answer:?}");
    }
    assert_eq!(world.keys("uploads/").await.len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn the_socket_is_private_and_goes_with_the_stack() {
    let world = World::new().await;
    assert_eq!(fs::metadata(socket(&world)).unwrap().permissions().mode() & 0o7777, 0o600);
    let world = world.restart().await;
    let place = socket(&world);
    assert_eq!(give(&world, "GET", "/expire").await.status, 405);
    world.stack.stop().await;
    assert!(!place.exists());
}

#[tokio::test]
async fn over_another_s3_there_is_no_socket() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    assert!(!socket(&world).exists());
    world.stop().await;
    s3.stop().await;
}
