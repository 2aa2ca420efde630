//! One line for a request, whatever becomes of it, and what it says to whoever looks for a cause.

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::owed::{bearer, fields, owed, the_one};
use crate::support::{
    PlainS3, Request, Setup, World, bytes,
    component::{self, ROMEO, iq, slot_request},
    elsewhere, tokens,
};

/// The owner is known where a function has said yes before the body was read.
#[tokio::test]
async fn a_body_that_ends_early_has_a_line_with_what_was_tried() {
    let s3 = PlainS3::start().await;
    let owned = &["owner", "protocol", "reason", "size_bytes"];
    for (elsewhere, length) in
        [false, true].into_iter().flat_map(|elsewhere| [1_000, 100_000, 5_000_000].map(|length| (elsewhere, length)))
    {
        let world = if elsewhere { s3.world(Vec::new()).await } else { World::new().await };
        let put = Request::new("PUT", "/upload/s1/a.txt").header("Authorization", bearer("s1", length));
        let host = world.stack.address().to_string();
        let mut socket = TcpStream::connect(&host).await.unwrap();
        socket.write_all(&put.header("Content-Length", length.to_string()).head(&host)).await.unwrap();
        socket.write_all(&bytes(length - 1)).await.unwrap();
        socket.shutdown().await.unwrap();
        let line = world.lines.of_function("upload").await;
        assert_eq!((&line["code"], fields(&line)), (&json!("body_incomplete"), owed(true, owned)), "{length}: {line}");
        assert_eq!((&line["protocol"], &line["size_bytes"]), (&json!("jwt"), &json!(length)), "{line}");
        the_one(world.lines.all());
        world.stop().await;
    }
    s3.stop().await;
}

/// Whatever the gateway asks a function before it reads the body.
#[tokio::test]
async fn a_request_has_one_line_however_it_is_handled() {
    let world = World::new().await;
    let limits = [64 * 1024, 4_669_440];
    for size in limits.into_iter().flat_map(|limit| [limit, limit + 1]).chain([5]) {
        for (waits, path) in [(false, format!("u/{size}")), (true, format!("w/{size}"))] {
            let other: Vec<u8> = bytes(size).iter().map(|byte| !byte).collect();
            for (code, body) in [("stored", &bytes(size)), ("file_exists", &other)] {
                let request = Request::new("PUT", &tokens::v1(&path, size)).body(body);
                let request = if waits { request.header("Expect", "100-continue") } else { request };
                let before = world.lines.all().len();
                world.send(&request).await;
                let line = the_one(world.lines.all().split_off(before));
                assert_eq!((&line["code"], &line["size_bytes"]), (&json!(code), &json!(size)), "{path}: {line}");
                assert!(line["request_id"].as_str().is_some_and(|id| id.len() == 16), "{line}");
            }
        }
    }
    world.stop().await;
}

/// Prosody is answered with 200 and an error stanza.
#[tokio::test]
async fn a_refused_slot_is_a_refusal_whatever_its_status() {
    let world = component::world(&[]).await;
    let answer = world.send(&iq(&slot_request("a", 5, ""), "eve@elsewhere.org/r")).await;
    assert!(component::stanza(&answer).contains("type=\"error\""), "{answer:?}");
    let line = world.lines.last();
    assert_eq!((&line["level"], &line["status"]), (&json!("WARN"), &json!(200)), "{line}");
    assert_eq!(line["reason"], "only accounts of this server may upload files here", "{line}");
    assert_eq!((&line["protocol"], &line["size_bytes"]), (&json!("component_http"), &json!(5)), "{line}");
    world.send(&iq("<iq type='get' id='1'><query xmlns='jabber:iq:version'/></iq>", ROMEO)).await;
    assert_eq!(world.lines.last()["level"], "INFO", "an answer like any other");
    world.stop().await;
}

#[tokio::test]
async fn a_refused_mac_says_what_was_signed_and_a_right_one_does_not() {
    let world = World::new().await;
    let typed = |target: &str, kind: &str| Request::new("PUT", target).header("Content-Type", kind).body(b"hello");
    let wrong = tokens::v2("u/a.png", 6, "image/png");
    assert_eq!(world.send(&typed(&wrong, "image/jpeg; q=1")).await.status, 403);
    let line = world.lines.last();
    assert_eq!(line["protocol"], "v2");
    let likely = ["image/jpeg; q=1", "image/jpeg", "application/octet-stream", "", "image/png"];
    let spellings = ["image/jpeg; q=\"1\"", "image/jpeg;q=1", "image/jpeg;q=\"1\""];
    let messages: Vec<String> = likely.iter().chain(&spellings).map(|kind| format!("u/a.png\05\0{kind}")).collect();
    assert_eq!(line["signed_messages"], json!(messages), "each candidate, in the order it was tried");
    assert_eq!(world.send(&typed(&tokens::v2("u/a.png", 5, "image/png"), "image/png")).await.status, 201);
    assert!(world.lines.last().get("signed_messages").is_none());
    world.stop().await;
}

#[tokio::test]
async fn one_person_has_one_short_owner_in_all_lines() {
    let world = component::world(&[]).await;
    let put = Request::new("PUT", "/upload/s1/a.txt").header("Authorization", bearer("s1", 5)).body(b"hello");
    assert_eq!(world.send(&put).await.status, 201);
    let owner = world.lines.last()["owner"].clone();
    assert_eq!(owner.as_str().map(str::len), Some(8), "{owner}");
    world.get("/upload/s1/a.txt").await;
    assert_eq!(world.lines.last()["owner"], owner, "whose file it is");
    let slot = "/slot/ejabberd-secret?jid=romeo%40montague.example%2Fr&name=a&size=5";
    world.get(slot).await;
    assert_eq!(world.lines.last()["owner"], owner, "whoever issued the slot");
    world.stop().await;
}

#[tokio::test]
async fn levels_follow_the_answer_and_failures_have_a_cause() {
    let world = World::with(Setup { variables: elsewhere("127.0.0.1:1"), ..Setup::default() }).await;
    for (request, level, status) in [
        (Request::new("OPTIONS", "/upload/u/a"), "INFO", 204),
        (Request::new("PUT", "/upload/u/a").body(b"hello"), "WARN", 403),
        (Request::new("PUT", &tokens::v1("u/a", 5)).body(b"hello"), "ERROR", 503),
    ] {
        assert_eq!(world.send(&request).await.status, status);
        let line = world.lines.last();
        assert_eq!((&line["level"], &line["status"]), (&json!(level), &json!(status)), "{line}");
        assert_eq!(line.get("cause").is_some(), level == "ERROR", "{line}");
    }
    world.stop().await;
}
