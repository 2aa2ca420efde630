//! One line for each request and event, with the fields that its function owes.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    Answer, PlainS3, Request, Setup, World, bytes,
    component::{self, ROMEO, chat, iq, slot_request},
    elsewhere, emf, follow_with,
    prosody::Prosody,
    rosters, tokens,
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

/// The line of the one request there was. S3's events have their own.
fn the_one(lines: Vec<Value>) -> Value {
    let mut lines: Vec<Value> = lines.into_iter().filter(|line| line["function"] != "seal").collect();
    assert_eq!(lines.len(), 1, "one line for a request: {lines:#?}");
    lines.remove(0)
}

const DELETE_SECRET: (&str, &str) = ("SATCHEL_METRONOME_DELETE_SECRET", "deletes things");

/// Whoever drops a field, or adds one, says so here.
#[tokio::test]
async fn every_function_has_its_fields() {
    let settings = [("SATCHEL_MAX_SIZE", "10000000"), ("SATCHEL_DAILY_QUOTA", "100"), DELETE_SECRET];
    let world = component::world(&settings).await;
    let large = bytes(5_000_000);
    let slot = |size: &str| {
        Request::new("GET", &format!("/slot/ejabberd-secret?jid=romeo%40example.org%2Fr&name=a&size={size}"))
    };
    let iq_of = |size: usize, from: &str| iq(&slot_request("a", size, ""), from);
    let wrong_digest = format!("sha-256=:{}:", satchel_core::digest::Sha256Digest::of(b"other").to_base64());
    let jwt = |slot: &str, body: &[u8]| {
        Request::new("PUT", &format!("/upload/{slot}/a.txt"))
            .header("Authorization", bearer(slot, body.len()))
            .body(body)
    };
    let put = |target: &str| Request::new("PUT", target).body(b"hello");
    let delete = |secret: &str| Request::new("DELETE", &tokens::metronome_delete("u/a", secret));
    let (upload, refused) = (["owner", "protocol", "size_bytes"], ["protocol", "reason", "size_bytes"]);
    let refused_owner = ["owner", "protocol", "reason", "size_bytes"];
    let requests: Vec<(&str, &str, Request, Vec<&'static str>)> = vec![
        ("upload", "stored", jwt("s1", b"hello"), upload.to_vec()),
        ("upload", "stored", put(&tokens::v1("u/a", 5)), vec!["protocol", "size_bytes"]),
        ("upload", "stored_before", put(&tokens::v1("u/a", 5)), vec!["protocol", "size_bytes"]),
        ("upload", "file_exists", Request::new("PUT", &tokens::v1("u/a", 5)).body(b"other"), refused.to_vec()),
        ("upload", "file_exists", jwt("s1", b"other"), refused_owner.to_vec()),
        ("upload", "mac_mismatch", put(&tokens::v1("u/a", 6)), vec!["protocol", "signed_messages", "size_bytes"]),
        ("upload", "token_missing", put("/upload/u/a"), vec!["reason", "size_bytes"]),
        ("upload", "token_malformed", put("/upload/u/a").header("Authorization", "Bearer x"), refused.to_vec()),
        ("upload", "token_missing", Request::new("PUT", "/authorize/upload/u/c"), vec!["reason", "true_status"]),
        ("upload", "method_not_allowed", Request::new("PATCH", "/upload/u/a"), vec!["reason"]),
        ("upload", "mac_mismatch", delete("another"), vec!["protocol", "reason"]),
        ("upload", "digest_mismatch", jwt("s3", &large).header("Content-Digest", wrong_digest), refused_owner.to_vec()),
        ("upload", "stored", jwt("s2", &large), upload.to_vec()),
        ("download", "served", Request::new("GET", "/upload/s1/a.txt"), vec!["owner", "size_bytes"]),
        ("download", "served", Request::new("HEAD", "/upload/u/a"), vec!["size_bytes"]),
        ("download", "file_not_found", Request::new("GET", "/upload/u/none"), vec!["reason"]),
        ("upload", "deleted", delete(DELETE_SECRET.1), vec!["protocol"]),
        ("upload", "file_not_found", delete(DELETE_SECRET.1), vec!["protocol", "reason"]),
        ("component", "slot_granted", iq_of(5, ROMEO), upload.to_vec()),
        ("component", "file_too_large", iq_of(10_000_001, ROMEO), refused_owner.to_vec()),
        ("component", "quota_reached", iq_of(96, ROMEO), refused_owner.to_vec()),
        ("component", "domain_not_allowed", iq_of(5, "eve@elsewhere.org/r"), refused_owner.to_vec()),
        ("component", "address_malformed", iq_of(5, "@"), refused.to_vec()),
        ("component", "chat_help", chat("help", ROMEO), vec![]),
        ("component", "slot_granted", slot("5"), upload.to_vec()),
        ("component", "file_too_large", slot("10000001"), refused_owner.to_vec()),
        ("component", "quota_reached", slot("96"), refused_owner.to_vec()),
        ("component", "size_malformed", slot("many"), vec!["owner", "protocol", "reason"]),
        ("component", "basic_required", Request::new("GET", "/slot/guessed"), vec!["protocol", "reason"]),
        ("component", "basic_required", Request::new("POST", "/component").body(b"{}"), vec!["protocol", "reason"]),
        ("component", "method_not_allowed", Request::new("GET", "/component"), vec!["reason"]),
    ];
    for (function, code, request, own) in requests {
        let before = world.lines.all().len();
        world.send(&request).await;
        let line = the_one(world.lines.all().split_off(before));
        assert_eq!((&line["function"], &line["code"]), (&json!(function), &json!(code)), "{line}");
        assert_eq!(fields(&line), owed(true, &own), "{line}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_fields_of_an_upload_that_went_to_the_store_are_in_the_line_of_its_sealing() {
    let world = World::with_s3().await;
    let announced = Request::new("PUT", &tokens::v1("u/a", 5)).header("X-Upload-Length", "5");
    let redirect = world.send(&announced).await;
    let line = world.lines.last();
    assert_eq!((&line["function"], &line["code"]), (&json!("upload"), &json!("redirected")), "{line}");
    assert_eq!(fields(&line), owed(true, &["protocol", "size_bytes"]), "{line}");
    assert_eq!(follow_with(&redirect, "PUT", &[], b"hello").await.status, 200);
    let counts = ["discarded", "gone", "sealed", "sealed_before", "sealed_bytes", "wrong_size"];
    assert_eq!(fields(&world.lines.of_function("seal").await), owed(false, &counts));
    world.stop().await;
}

#[tokio::test]
async fn the_roster_functions_have_theirs() {
    let world = rosters::world(&[("SATCHEL_PROSODY_REFRESH_URL", "http://me:hunter2@127.0.0.1:9/refresh")]).await;
    let contact = |method: &str| rosters::with_json(method, CONTACT, &json!({}));
    for (function, code, request, own) in [
        ("roster-fetch", "fetched", rosters::request("GET", "/contacts/romeo"), vec!["size_bytes"]),
        ("roster-fetch", "created", contact("PUT"), vec![]),
        ("roster-fetch", "replaced", contact("PUT").header("If-Match", "*"), vec![]),
        ("roster-fetch", "precondition_failed", contact("PUT").header("If-None-Match", "*"), vec!["reason"]),
        ("roster-fetch", "json_malformed", rosters::request("PUT", CONTACT).body(b"{"), vec![]),
        ("roster-fetch", "removed", contact("DELETE"), vec![]),
        ("roster-fetch", "contact_not_found", contact("DELETE"), vec![]),
        ("roster-fetch", "method_not_allowed", rosters::request("DELETE", "/contacts/romeo"), vec!["reason"]),
        ("roster-fetch", "basic_required", Request::new("GET", "/contacts/romeo"), vec!["reason"]),
        ("roster-refresh", "basic_required", Request::new("POST", "/contacts/refresh").body(b"[]"), vec!["reason"]),
        ("roster-refresh", "json_malformed", rosters::request("POST", "/contacts/refresh").body(b"{"), vec!["reason"]),
    ] {
        let before = world.lines.all().len();
        world.send(&request).await;
        let lines = world.lines.all().split_off(before);
        // Those without a status are of written rosters, which Prosody is told of.
        let line = the_one(lines.into_iter().filter(|line| !line["status"].is_null()).collect());
        assert_eq!((&line["function"], &line["code"]), (&json!(function), &json!(code)), "{line}");
        assert_eq!(fields(&line), owed(true, &own), "{line}");
    }
    world.stop().await;
}

const CONTACT: &str = "/contacts/romeo/juliet@x";

#[tokio::test]
async fn a_refresh_says_how_many_it_was_about() {
    let mut prosody = Prosody::start().await;
    let world = rosters::world(&[("SATCHEL_PROSODY_REFRESH_URL", &prosody.url())]).await;
    let counts = ["errors", "updated", "usernames"];
    rosters::store(&world, CONTACT, json!({})).await;
    prosody.next().await.done();
    let told = world.lines.of_function("roster-refresh").await;
    assert_eq!((&told["code"], fields(&told)), (&json!("done"), owed(false, &counts)), "{told}");
    let asked = rosters::with_json("POST", "/contacts/refresh", &json!(["romeo"]));
    let (answer, ()) = tokio::join!(world.send(&asked), async { prosody.next().await.done() });
    let line = world.lines.last();
    assert_eq!((answer.status, &line["code"]), (200, &json!("refreshed")), "{line}");
    assert_eq!(fields(&line), owed(true, &counts), "{line}");
    assert_eq!((&line["usernames"], &line["roster_refreshes"]), (&json!(1), &json!(1)), "{line}");
    world.stop().await;
    prosody.stop();
}

#[tokio::test]
async fn a_run_of_expire_says_what_it_came_to() {
    let world = World::new().await;
    world.stack.housekeeper().once().await.unwrap();
    let line = world.lines.of_function("expire").await;
    let tallies = ["abandoned", "expired", "left", "over_limit", "unfinished"];
    let counts = ["changed", "errors", "multipart_uploads", "stale_entries"];
    let run = ["complete", "dry_run", "last_error", "newest", "oldest", "run", "started"];
    assert_eq!(fields(&line), owed(false, &[&tallies[..], &counts, &run].concat()), "{line}");
    assert_eq!(line["expired"], json!({"objects": 0, "bytes": 0}), "{line}");
    world.stop().await;
}

fn tus(method: &str, target: &str) -> Request {
    Request::new(method, target).header("Tus-Resumable", "1.0.0")
}

#[tokio::test]
async fn each_request_of_a_resumable_upload_has_its_fields() {
    let world = World::new().await;
    let target = "/resume/s1/a.txt";
    let post = |size: usize| tus("POST", target).header("Authorization", bearer("s1", size));
    let created = world.send(&post(10).header("Upload-Length", "10")).await;
    let base: url::Url = format!("http://host{target}").parse().unwrap();
    let url = base.join(created.header("location").unwrap()).unwrap();
    let url = &url[url::Position::BeforePath..];
    let patch = |url: &str, offset: usize| {
        let patch = tus("PATCH", url).header("Content-Type", "application/offset+octet-stream");
        patch.header("Upload-Offset", offset.to_string()).body(b"hello")
    };
    let (known, token) = (["owner", "protocol", "size_bytes"], ["protocol", "reason", "size_bytes"]);
    let refused = ["owner", "protocol", "reason", "size_bytes"];
    let too_long = tus("PATCH", url).header("Content-Length", "5000000").header("Expect", "100-continue");
    let too_long = too_long.header("Content-Type", "application/offset+octet-stream").header("Upload-Offset", "0");
    let another = tus("POST", "/resume/s2/a.txt").header("Authorization", bearer("s2", 10));
    for (function, code, request, protocol, own) in [
        ("resume", "upload_created", another.header("Upload-Length", "10"), "jwt", &known[..]),
        ("resume", "size_mismatch", post(9).header("Upload-Length", "10"), "jwt", &token),
        ("resume", "upload_found", tus("HEAD", url), "upload_id", &known),
        ("resume", "offset_mismatch", patch(url, 5), "upload_id", &refused),
        ("resume", "chunk_stored", patch(url, 0), "upload_id", &["chunk_bytes", "owner", "protocol", "size_bytes"]),
        ("resume", "chunk_too_long", too_long, "upload_id", &refused),
        ("resume", "upload_terminated", tus("DELETE", url), "upload_id", &known),
        ("resume", "upload_gone", tus("DELETE", url), "upload_id", &refused),
        ("resume", "upload_gone", tus("HEAD", url), "upload_id", &refused),
        ("resume", "upload_unknown", patch(&format!("{target}?upload=x"), 0), "upload_id", &["protocol", "reason"]),
    ] {
        let before = world.lines.all().len();
        world.send(&request).await;
        let line = the_one(world.lines.all().split_off(before));
        assert_eq!((&line["function"], &line["code"]), (&json!(function), &json!(code)), "{line}");
        assert_eq!((&line["protocol"], fields(&line)), (&json!(protocol), owed(true, own)), "{line}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_resumable_upload_is_one_upload_whatever_its_chunks() {
    let world = World::new().await;
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
            (&json!(code), owed(true, &["chunk_bytes", "protocol", "size_bytes"])),
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
    assert_eq!(fields(&line), owed(true, &["protocol", "reason", "size_bytes"]), "{line}");
    assert_eq!((&line["protocol"], &line["size_bytes"]), (&json!("v"), &json!(11_000_000)), "{line}");
    assert_eq!(line["upload_errors"], 1, "{line}");
    let chunk =
        tus("PATCH", "/resume/u/a?upload=x").header("Content-Length", "5000000").header("Expect", "100-continue");
    assert_eq!(world.send(&chunk).await.code(), "body_too_large");
    let line = world.lines.last();
    assert_eq!((&line["function"], &line["code"]), (&json!("gateway"), &json!("body_too_large")), "{line}");
    assert_eq!(fields(&line), owed(true, &["chunk_bytes", "protocol", "reason"]), "{line}");
    world.stop().await;
}

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
