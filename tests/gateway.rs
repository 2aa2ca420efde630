//! Requests as the gateway takes them: which host they name, how long their heads are, what time it is; and how it is.

use std::sync::{Arc, Mutex};

use satchel::health::{Check, Condition, Health};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{Answer, Request, Setup, World, tokens};

/// Sends bytes as they are.
async fn raw(world: &World, request: &str) -> Answer {
    let (mut reader, mut writer) = TcpStream::connect(world.stack.address().to_string()).await.unwrap().into_split();
    writer.write_all(request.as_bytes()).await.unwrap();
    Answer::read(&mut reader).await
}

#[tokio::test]
async fn a_request_names_the_one_host_that_it_is_for() {
    let world = World::new().await;
    for (name, hosts) in [
        ("none", ""),
        ("two", "Host: a.example\r\nHost: b.example\r\n"),
        ("the same twice", "Host: a.example\r\nHost: a.example\r\n"),
        ("two in one", "Host: a.example, b.example\r\n"),
        ("an empty one", "Host:\r\n"),
        ("a path", "Host: a.example/b\r\n"),
        ("a query", "Host: a.example?b\r\n"),
        ("somebody in it", "Host: user@a.example\r\n"),
        ("no text", "Host: \u{e9}\r\n"),
    ] {
        for target in ["/upload/u/a", "/_satchel/", "/metrics", "/resume/u/a"] {
            let request = format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
            let answer = raw(&world, &request).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "host_malformed"), "{name}: {target}");
        }
        let put = tokens::v1("u/a", 5);
        let request = format!("PUT {put} HTTP/1.1\r\n{hosts}Connection: close\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(raw(&world, &request).await.code(), "host_malformed", "{name}");
    }
    assert!(world.is_empty().await);
    for request in [
        "GET /upload/u/a HTTP/1.0\r\n\r\n",
        "GET /upload/u/a HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: close\r\n\r\n",
        "GET /upload/u/a HTTP/1.1\r\nHost: files.example\r\nConnection: close\r\n\r\n",
        "GET http://files.example/upload/u/a HTTP/1.1\r\nHost: files.example\r\nConnection: close\r\n\r\n",
    ] {
        assert_eq!(raw(&world, request).await.code(), "file_not_found", "{request}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let world = World::new().await;
    for (length, status, code) in [(12_000, 404, "file_not_found"), (20_000, 431, "head_too_large")] {
        let request = Request::new("GET", "/upload/u/a").header("X-Long", "a".repeat(length));
        let answer = world.send(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{length}");
    }
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_words() {
    let world = World::new().await;
    for target in ["/upload/a`b", "/upload/a<b", "/upload/a>b", "/upload/a b", "/upload/a\u{7f}"] {
        let answer = raw(&world, &format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "request_malformed"), "{target}");
        assert!(answer.header("date").is_some() && answer.header("access-control-allow-origin") == Some("*"));
        let line = world.lines.last();
        assert_eq!((&line["code"], &line["client"]), (&"request_malformed".into(), &"127.0.0.1".into()), "{line}");
    }
    for head in ["GET / HTTP/1.1\r\nno header\r\n\r\n", "GET / HTTP/3.0\r\n\r\n", "\u{1}\u{2}\r\n\r\n"] {
        assert_eq!(raw(&world, head).await.code(), "request_malformed", "{head}");
    }
    // What RFC 3986 does not allow but no reader takes for anything else.
    for target in ["/upload/u/grüße", "/upload/u/{\"}|^"] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(raw(&world, &request).await.code(), "file_not_found", "{target}");
    }
    world.stop().await;
}

#[tokio::test]
async fn there_is_one_address_for_a_file() {
    let world = World::new().await;
    world.store("u/a", b"hello").await;
    let aliased = tokens::v1("u/b", 5).replacen('/', "/local/", 1);
    assert_eq!(world.put(&aliased, b"hello").await.code(), "no_such_address");
    for target in ["/local/upload/u/a", "/local/resume/u/a", "/null/upload/u/a", "//upload/u/a"] {
        assert_eq!(world.get(target).await.code(), "no_such_address", "{target}");
    }
    assert_eq!(world.get("/upload/u/a").await.status, 200);
    world.stop().await;
}

// hyper's own Date stands still after a step back, and the SDK set its clock by it: its signatures were refused.
#[tokio::test]
async fn the_clock_may_be_set_back_and_forwards() {
    const NOON: u64 = 1_800_000_000;
    let world = World::with(Setup { now: Some(NOON), ..Setup::default() }).await;
    for (name, at, date) in [
        ("first", NOON, "Fri, 15 Jan 2027 08:00:00 GMT"),
        ("a day back", NOON - 86_400, "Thu, 14 Jan 2027 08:00:00 GMT"),
        ("sixteen minutes forwards", NOON - 86_400 + 960, "Thu, 14 Jan 2027 08:16:00 GMT"),
        ("a year forwards", NOON + 31_536_000, "Sat, 15 Jan 2028 08:00:00 GMT"),
        ("an hour back", NOON + 31_532_400, "Sat, 15 Jan 2028 07:00:00 GMT"),
        ("to the beginning", 0, "Thu, 01 Jan 1970 00:00:00 GMT"),
    ] {
        world.set_clock(at);
        let path = format!("u/{at}");
        for _ in 0..2 {
            let stored = world.put(&tokens::v1(&path, 5), b"hello").await;
            assert!(matches!(stored.status, 201 | 409), "{name}: {stored:?}");
            assert_eq!(stored.header("date"), Some(date), "{name}");
        }
        if at > 0 {
            assert_eq!(world.get(&format!("/upload/{path}")).await.status, 200, "{name}");
        }
    }
    // There is no such date any more.
    world.set_clock(300_000_000_000);
    assert_eq!(world.get("/metrics").await.header("date"), Some("Fri, 31 Dec 9999 23:59:59 GMT"));
    world.stop().await;
}

/// A stack whose store is as the test says.
async fn of_health() -> (World, Arc<Mutex<Condition>>) {
    let condition = Arc::new(Mutex::new(Condition::Ok));
    let told = Arc::clone(&condition);
    let health = move || Health { free_bytes: Some(4_096), condition: told.lock().unwrap().clone() };
    let world = World::with(Setup { check: Some(Check::new(health)), ..Setup::default() }).await;
    (world, condition)
}

#[tokio::test]
async fn a_store_that_takes_files_is_healthy() {
    let world = World::new().await;
    let answer = world.get("/_satchel/health").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
    let health: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(health["status"], "ok");
    assert!(health["free_bytes"].as_u64().unwrap() > 0, "{health}");
    let metrics = String::from_utf8(world.get("/metrics").await.body).unwrap();
    assert!(metrics.contains("# TYPE satchel_storage_free_bytes gauge\n"), "{metrics}");
    let page = String::from_utf8(world.get("/_satchel/").await.body).unwrap();
    assert!(page.contains("Room for more"), "{page}");
    world.stop().await;
}

#[tokio::test]
async fn everybody_may_know_that_it_is_well_and_who_may_see_the_metrics_how_well() {
    let world = World::new().await;
    let request = Request::new("GET", "/_satchel/health").header("X-Forwarded-For", "192.0.2.1");
    let answer = world.send(&request).await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"{\"status\":\"ok\"}".as_slice()));
    assert_eq!(world.send(&Request::new("HEAD", "/_satchel/health")).await.body, b"");
    assert_eq!(world.send(&Request::new("PUT", "/_satchel/health")).await.status, 405);
    world.stop().await;
}

#[tokio::test]
async fn a_store_that_takes_no_files_is_not_healthy_and_says_why_to_those_who_may_know() {
    for (condition, word) in [
        (Condition::Full, "full"),
        (Condition::ReadOnly, "read-only"),
        (Condition::Removed, "gone"),
        (Condition::Failing("Input/output error".into()), "Input/output error"),
    ] {
        let (world, told) = of_health().await;
        *told.lock().unwrap() = condition;
        let answer = world.get("/_satchel/health").await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"), "{word}");
        assert!(String::from_utf8_lossy(&answer.body).contains(word), "{answer:?}");
        assert_eq!(world.lines.last()["function"], "status");
        let elsewhere = Request::new("GET", "/_satchel/health").header("Via", "1.1 proxy");
        let answer = world.send(&elsewhere).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"), "{word}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(word), "{answer:?}");
        assert!(String::from_utf8(world.get("/_satchel/").await.body).unwrap().contains(word));
        world.stop().await;
    }
}
