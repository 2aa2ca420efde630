//! The lines of resumable uploads: each request has its fields, and the upload counts once.

use serde_json::json;

use super::owed::{bearer, fields, owed, the_one};
use crate::support::{World, tokens, tus::tus};

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
