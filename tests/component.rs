//! Slots from Satchel itself: the slot carries the S3 URL, so that every client can upload files of any size.

use crate::support::{
    Answer, Request, World, bytes,
    component::{ROMEO, iq, put, slot_request, stanza, target, url, world},
};

async fn upload_and_fetch(world: &World, to: &str, get: &str, body: &[u8]) -> Answer {
    let stored = put(to, &[("Content-Type", "x/ignored")], body).await;
    assert_eq!(stored.status, 200, "{stored:?}");
    world.fetch(&target(get)).await
}

#[tokio::test]
async fn a_slot_takes_files_of_any_size_without_a_redirect() {
    let world = world(&[]).await;
    for size in [1, 5 * 1024 * 1024] {
        let requests = world.s3_requests();
        let answer = world.send(&iq(&slot_request("très &amp; cool.jpg", size, ""), ROMEO)).await;
        if size == 1 {
            assert_eq!(world.s3_requests(), requests, "a slot is arithmetic");
        }
        let slot = stanza(&answer);
        let get = url(&slot, "get");
        assert!(get.ends_with("/tr%C3%A8s%20%26%20cool.jpg"), "{get}");
        let fetched = upload_and_fetch(&world, &url(&slot, "put"), &get, &bytes(size)).await;
        assert!(fetched.body == bytes(size));
        assert_eq!(fetched.header("content-type"), Some("image/jpeg"), "the granted type is served");
    }
    world.stop().await;
}

#[tokio::test]
async fn another_length_than_granted_is_refused() {
    let world = world(&[]).await;
    let slot = stanza(&world.send(&iq(&slot_request("a", 5, ""), ROMEO)).await);
    for body in [b"four".as_slice(), b"sixsix", b""] {
        assert_eq!(put(&url(&slot, "put"), &[], body).await.status, 403, "{body:?}");
    }
    assert!(world.is_empty().await);
    assert_eq!(world.get(&target(&url(&slot, "get"))).await.status, 404);
    world.stop().await;
}

#[tokio::test]
async fn each_purpose_is_kept_under_a_prefix_of_its_own() {
    let world = world(&[("SATCHEL_RETENTION_DAYS", "30"), ("SATCHEL_PROFILE_RETENTION_DAYS", "365")]).await;
    for (element, prefix, expires) in [
        ("", "uploads/", true),
        ("message", "uploads/", true),
        ("profile", "uploads-profile/", true),
        ("ephemeral expire-before='2999-01-01T00:00:00Z'", "uploads-ephemeral/", true),
        ("permanent", "uploads-permanent/", false),
    ] {
        let inside = format!("<{element} xmlns='urn:xmpp:http:upload:purpose:0'/>");
        let inside = if element.is_empty() { "" } else { inside.as_str() };
        let before = world.keys(prefix).await;
        crate::support::component::uploaded(&world, ROMEO, "a.jpg", inside, b"hello").await;
        let after = world.keys(prefix).await;
        let key = after.iter().find(|key| !before.contains(key)).unwrap_or_else(|| panic!("{prefix}"));
        let head = world.s3().head_object().bucket("satchel").key(key).send().await.unwrap();
        assert_eq!(head.metadata.unwrap().contains_key("expires"), expires, "{key}");
    }
    assert!(world.keys("incoming/").await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn ejabberd_gets_two_lines() {
    let world = world(&[]).await;
    let query = "jid=romeo%40example.org%2Fr&name=a%20b.txt&size=5&content_type=text%2Fplain";
    let answer = world.get(&format!("/slot/ejabberd-secret?{query}")).await;
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((answer.status, lines.len()), (200, 2), "{text}");
    assert_eq!(upload_and_fetch(&world, lines[0], lines[1], b"hello").await.body, b"hello");
    assert_eq!(world.get(&format!("/slot/wrong?{query}")).await.status, 401);
    assert_eq!(world.get(&format!("/slot?{query}")).await.status, 401);
    world.stop().await;
}

#[tokio::test]
async fn a_sender_that_expects_permission_gets_it() {
    let world = world(&[]).await;
    let request = iq(&slot_request("a", 5, ""), ROMEO).header("Expect", "100-continue");
    assert!(stanza(&world.send(&request).await).contains("<put"));
    world.stop().await;
}

#[tokio::test]
async fn strangers_get_no_slot() {
    let world = world(&[]).await;
    let foreign = stanza(&world.send(&iq(&slot_request("a", 5, ""), "eve@elsewhere.org/r")).await);
    assert!(foreign.contains("type=\"error\"") && foreign.contains("forbidden"), "{foreign}");
    let anonymous = Request::new("POST", "/component").body(b"{}");
    assert_eq!(world.send(&anonymous).await.status, 401);
    assert_eq!(world.send(&iq("<iq", ROMEO)).await.code(), "stanza_malformed");
    world.stop().await;
}
