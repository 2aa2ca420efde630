//! Slots from Satchel itself: the slot carries the S3 URL, so that every client can upload files of any size.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::support::{Answer, Request, Setup, World, bytes, follow, follow_with};

const REQUEST: &str = "<iq xmlns='jabber:client' type='get' id='i1' from='romeo@example.org/r' to='upload.example.org'>\
<request xmlns='urn:xmpp:http:upload:0' filename='très &amp; cool.jpg' size='SIZE' content-type='image/jpeg'/></iq>";

async fn world() -> World {
    let variables = vec![
        ("SATCHEL_COMPONENT_CREDENTIALS", "prosody:pass".to_owned()),
        ("SATCHEL_SLOT_CREDENTIALS", "ejabberd-secret".to_owned()),
    ];
    World::with(Setup { variables, ..Setup::default() }).await
}

/// As mod_component_http posts it.
fn post(stanza: &str, from: &str) -> Request {
    let body = json!({"to": "upload.example.org", "from": from, "kind": "iq", "stanza": stanza}).to_string();
    let credentials = BASE64_STANDARD.encode("prosody:pass");
    Request::new("POST", "/component")
        .header("Authorization", format!("Basic {credentials}"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.as_bytes())
}

fn reply(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    body["stanza"].as_str().unwrap().to_owned()
}

/// The attribute `url` of an element, unescaped as far as URLs need it.
fn url(stanza: &str, element: &str) -> String {
    let (_, rest) = stanza.split_once(&format!("<{element} url=\"")).unwrap_or_else(|| panic!("{stanza}"));
    rest.split('"').next().unwrap().replace("&amp;", "&").replace("&apos;", "'")
}

async fn upload_and_fetch(world: &World, put: &str, get: &str, body: &[u8]) -> Answer {
    let redirect = Answer { status: 307, headers: vec![("location".into(), put.to_owned())], body: Vec::new() };
    let stored = follow_with(&redirect, "PUT", &[("Content-Type", "x/ignored")], body).await;
    assert_eq!(stored.status, 200, "{stored:?}");
    let target = get.parse::<url::Url>().unwrap();
    follow(&world.get(&target[url::Position::BeforePath..]).await, "GET", &[]).await
}

#[tokio::test]
async fn a_slot_takes_files_of_any_size_without_a_redirect() {
    let world = world().await;
    for size in [1, 5 * 1024 * 1024] {
        let requests = world.s3_requests();
        let request = post(&REQUEST.replace("SIZE", &size.to_string()), "romeo@example.org/r");
        let answer = world.send(&request).await;
        if size == 1 {
            assert_eq!(world.s3_requests(), requests, "a slot is arithmetic");
        }
        let stanza = reply(&answer);
        let (put, get) = (url(&stanza, "put"), url(&stanza, "get"));
        assert!(get.ends_with("/tr%C3%A8s%20%26%20cool.jpg"), "{get}");
        let fetched = upload_and_fetch(&world, &put, &get, &bytes(size)).await;
        assert!(fetched.body == bytes(size));
        assert_eq!(fetched.header("content-type"), Some("image/jpeg"), "the granted type is served");
    }
    world.stop().await;
}

#[tokio::test]
async fn ejabberd_gets_two_lines() {
    let world = world().await;
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
    let world = world().await;
    let request = post(&REQUEST.replace("SIZE", "5"), "romeo@example.org/r").header("Expect", "100-continue");
    assert!(reply(&world.send(&request).await).contains("<put"));
    world.stop().await;
}

#[tokio::test]
async fn strangers_get_no_slot() {
    let world = world().await;
    let stanza = REQUEST.replace("SIZE", "5");
    let foreign = reply(&world.send(&post(&stanza, "eve@elsewhere.org/r")).await);
    assert!(foreign.contains("type=\"error\"") && foreign.contains("forbidden"), "{foreign}");
    let anonymous = Request::new("POST", "/component").body(b"{}");
    assert_eq!(world.send(&anonymous).await.status, 401);
    assert_eq!(world.send(&post("<iq", "romeo@example.org/r")).await.code(), "stanza_malformed");
    world.stop().await;
}
