//! Each function has its fields in the line of a request or event: whoever drops one, or adds one, says so here.

use serde_json::json;

use super::owed::{bearer, fields, owed, the_one};
use crate::support::{
    Request, Setup, World, bytes,
    component::{self, ROMEO, chat, iq, slot_request},
    follow_with,
    prosody::Prosody,
    rosters, tokens,
    tus::tus,
};

const DELETE_SECRET: (&str, &str) = ("SATCHEL_METRONOME_DELETE_SECRET", "deletes things");
const CONTACT: &str = "/contacts/romeo/juliet@x";

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
async fn each_roster_function_has_its_fields() {
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
