//! One line for each request and event, with the fields that its function owes.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::{
    Request, Setup, World, bytes,
    component::{self, ROMEO, chat, iq, slot_request},
    elsewhere, emf, rosters, tokens,
};

/// What every line has, and what those of requests have besides.
const EVERY: [&str; 6] = ["code", "cold_start", "duration_ms", "function", "level", "request_id"];
const REQUESTS: [&str; 3] = ["client", "method", "status"];

fn fields(line: &Value) -> Vec<&str> {
    let metrics = emf::metrics(line);
    let is_metric = |name: &str| name == "_aws" || metrics.iter().any(|(metric, _)| metric == name);
    line.as_object().unwrap().keys().map(String::as_str).filter(|name| !is_metric(name)).collect()
}

fn owed(of_requests: bool, own: &[&'static str]) -> Vec<&'static str> {
    let common = if of_requests { &REQUESTS[..] } else { &[] };
    let mut names: Vec<&str> = [&EVERY[..], &["timestamp"], common, own].concat();
    names.sort_unstable();
    names
}

fn bearer(slot: &str, size: usize) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    tokens::bearer(&tokens::claims(slot, "a.txt", size, "text/plain", now + 300))
}

/// Whoever drops a field, or adds one, says so here.
#[tokio::test]
async fn every_function_has_its_fields() {
    let world = component::world(&[]).await;
    let large = bytes(5_000_000);
    let slot = "/slot/ejabberd-secret?jid=romeo%40example.org%2Fr&name=a&size=5";
    let jwt = |slot: &str, body: &[u8]| {
        Request::new("PUT", &format!("/upload/{slot}/a.txt"))
            .header("Authorization", bearer(slot, body.len()))
            .body(body)
    };
    let put = |target: &str| Request::new("PUT", target).body(b"hello");
    let (upload, refused) = (["owner", "protocol", "size_bytes"], ["protocol", "reason", "size_bytes"]);
    let requests: Vec<(&str, &str, Request, Vec<&'static str>)> = vec![
        ("upload", "stored", jwt("s1", b"hello"), upload.to_vec()),
        ("upload", "stored", put(&tokens::v1("u/a", 5)), vec!["protocol", "size_bytes"]),
        ("upload", "file_exists", put(&tokens::v1("u/a", 5)), refused.to_vec()),
        ("upload", "mac_mismatch", put(&tokens::v1("u/a", 6)), vec!["protocol", "signed_messages", "size_bytes"]),
        ("upload", "token_missing", put("/upload/u/a"), vec!["reason", "size_bytes"]),
        ("upload", "token_malformed", put("/upload/u/a").header("Authorization", "Bearer x"), refused.to_vec()),
        ("upload", "token_missing", Request::new("PUT", "/authorize/upload/u/c"), vec!["reason", "true_status"]),
        ("upload", "method_not_allowed", Request::new("PATCH", "/upload/u/a"), vec![]),
        ("front", "stored", jwt("s2", &large), ["owner", "protocol", "sealed", "sealed_bytes", "size_bytes"].to_vec()),
        ("download", "redirected", Request::new("GET", "/upload/s1/a.txt"), vec!["owner", "size_bytes"]),
        ("download", "redirected", Request::new("HEAD", "/upload/u/a"), vec!["size_bytes"]),
        ("download", "file_not_found", Request::new("GET", "/upload/u/none"), vec!["reason"]),
        ("component", "slot_granted", iq(&slot_request("a", 5, ""), ROMEO), upload.to_vec()),
        ("component", "chat_help", chat("help", ROMEO), vec![]),
        ("component", "slot_granted", Request::new("GET", slot), upload.to_vec()),
        ("component", "basic_required", Request::new("GET", "/slot/guessed"), vec![]),
    ];
    for (function, code, request, own) in requests {
        let before = world.lines.all().len();
        world.send(&request).await;
        let line = world.lines.all().split_off(before).into_iter().rfind(|line| line["function"] != "seal").unwrap();
        assert_eq!((&line["function"], &line["code"]), (&json!(function), &json!(code)), "{line}");
        if function != "front" {
            assert_eq!(fields(&line), owed(true, &own), "{line}");
        } else {
            // Where S3's event has sealed it first, the two about sealing are in that line.
            let noted = fields(&line);
            assert!(owed(true, &upload).iter().all(|name| noted.contains(name)), "{line}");
        }
    }
    let counts = ["discarded", "gone", "sealed", "sealed_before", "sealed_bytes", "wrong_size"];
    assert_eq!(fields(&world.lines.of_function("seal").await), owed(false, &counts));
    world.stop().await;
}

#[tokio::test]
async fn the_roster_functions_have_theirs() {
    let world = rosters::world(&[("SATCHEL_PROSODY_REFRESH_URL", "http://me:hunter2@127.0.0.1:9/refresh")]).await;
    for (function, code, request, own) in [
        ("roster-fetch", "fetched", rosters::request("GET", "/contacts/romeo"), vec!["size_bytes"]),
        ("roster-fetch", "basic_required", Request::new("GET", "/contacts/romeo"), vec![]),
        ("roster-refresh", "json_malformed", rosters::request("POST", "/contacts/refresh").body(b"{"), vec!["reason"]),
    ] {
        world.send(&request).await;
        let line = world.lines.last();
        assert_eq!((&line["function"], &line["code"]), (&json!(function), &json!(code)), "{line}");
        assert_eq!(fields(&line), owed(true, &own), "{line}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_resumable_upload_is_one_upload_whatever_its_chunks() {
    let world = World::new().await;
    let tus = |method: &str, target: &str| Request::new(method, target).header("Tus-Resumable", "1.0.0");
    let target = tokens::v1("u/a", 10).replacen("/upload/", "/resume/", 1);
    let created = world.send(&tus("POST", &target).header("Upload-Length", "10")).await;
    let line = world.lines.last();
    assert_eq!((&line["code"], fields(&line)), (&json!("upload_created"), owed(true, &["protocol", "size_bytes"])));
    let base: url::Url = format!("http://host{target}").parse().unwrap();
    let url = base.join(created.header("location").unwrap()).unwrap();
    for (offset, chunk, code) in [(0, b"hello", "chunk_stored"), (5, b"world", "stored")] {
        let patch = tus("PATCH", &url[url::Position::BeforePath..]).header("Upload-Offset", offset.to_string());
        let patch = patch.header("Content-Type", "application/offset+octet-stream").body(chunk);
        assert_eq!(world.send(&patch).await.status, 204);
        let line = world.lines.last();
        assert_eq!(
            (&line["code"], fields(&line)),
            (&json!(code), owed(true, &["chunk_bytes", "size_bytes"])),
            "{line}"
        );
    }
    let last = world.lines.last();
    assert_eq!((&last["uploads"], &last["upload_bytes"]), (&json!(1), &json!(10)), "{last}");
    let whole = tokens::v1("u/b", 5).replacen("/upload/", "/resume/", 1);
    let whole =
        tus("POST", &whole).header("Upload-Length", "5").header("Content-Type", "application/offset+octet-stream");
    assert_eq!(world.send(&whole.body(b"hello")).await.status, 201);
    let line = world.lines.last();
    assert_eq!((&line["code"], &line["uploads"]), (&json!("stored"), &json!(1)), "{line}");
    world.stop().await;
}

#[tokio::test]
async fn what_reaches_no_function_has_a_line_too() {
    let world = World::with(Setup { strict_aws: true, ..Setup::default() }).await;
    let request = Request::new("PUT", &tokens::v1("u/a", 11_000_000)).header("Content-Length", "11000000");
    assert_eq!(world.send(&request).await.code(), "body_too_large");
    let line = world.lines.last();
    assert_eq!((&line["function"], &line["code"]), (&json!("gateway"), &json!("body_too_large")), "{line}");
    assert_eq!(fields(&line), owed(true, &["reason"]), "{line}");
    assert_eq!(line["upload_errors"], 1, "{line}");
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
    let candidates = ["image/jpeg; q=1", "image/jpeg", "application/octet-stream", "", "image/png"];
    let messages = candidates.map(|kind| format!("u/a.png\05\0{kind}"));
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
