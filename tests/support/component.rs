//! The component as Prosody's mod_component_http talks to it.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    client::{Answer, Request, follow_with},
    world::{Setup, World},
};

pub const ROMEO: &str = "romeo@example.org/r";
const UPLOAD: &str = "upload.example.org";

/// A stack with the component switched on.
pub async fn world(extra: &[(&'static str, &str)]) -> World {
    world_with(extra.contains(&("SATCHEL_SLOT_PUT", "s3")), extra).await
}

/// The same, with or without an S3 server on the folder.
pub async fn world_with(s3: bool, extra: &[(&'static str, &str)]) -> World {
    let mut variables = credentials();
    variables.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
    World::with(Setup { variables, s3, ..Setup::default() }).await
}

/// The same over an S3 whose requests are counted, with slots that lead there.
pub async fn world_over_s3() -> World {
    let mut variables = credentials();
    variables.push(("SATCHEL_SLOT_PUT", "s3".to_owned()));
    World::over_s3(Setup { variables, ..Setup::default() }).await
}

fn credentials() -> Vec<(&'static str, String)> {
    vec![
        ("SATCHEL_COMPONENT_CREDENTIALS", "prosody:pass".to_owned()),
        ("SATCHEL_SLOT_CREDENTIALS", "ejabberd-secret".to_owned()),
    ]
}

fn posted(body: &Value) -> Request {
    let credentials = BASE64_STANDARD.encode("prosody:pass");
    Request::new("POST", "/component")
        .header("Authorization", format!("Basic {credentials}"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.to_string().as_bytes())
}

/// As mod_component_http posts an IQ.
pub fn iq(stanza: &str, from: &str) -> Request {
    posted(&json!({"to": UPLOAD, "from": from, "kind": "iq", "stanza": stanza}))
}

/// A slot request for a file of so many bytes, with something inside it.
pub fn slot_request(name: &str, size: usize, inside: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='get' id='i1' from='{ROMEO}' to='{UPLOAD}'>\
         <request xmlns='urn:xmpp:http:upload:0' filename='{name}' size='{size}' content-type='image/jpeg'>{inside}\
         </request></iq>"
    )
}

/// As mod_component_http posts a chat message.
pub fn chat(text: &str, from: &str) -> Request {
    let stanza = "<message xmlns='jabber:client' type='chat'><body>as in the envelope</body></message>";
    posted(&json!({"to": UPLOAD, "from": from, "kind": "message", "body": text, "stanza": stanza}))
}

fn json(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// The stanza in an answer.
pub fn stanza(answer: &Answer) -> String {
    json(answer)["stanza"].as_str().unwrap().to_owned()
}

/// What the bot says to Romeo, or to somebody else.
pub async fn said(world: &World, text: &str, from: &str) -> String {
    let reply = json(&world.send(&chat(text, from)).await);
    assert_eq!((reply["kind"].as_str(), reply["type"].as_str()), (Some("message"), Some("chat")));
    reply["body"].as_str().unwrap().to_owned()
}

/// The attribute `url` of an element, unescaped as far as URLs need it.
pub fn url(stanza: &str, element: &str) -> String {
    let (_, rest) = stanza.split_once(&format!("<{element} url=\"")).unwrap_or_else(|| panic!("{stanza}"));
    rest.split('"').next().unwrap().replace("&amp;", "&").replace("&apos;", "'")
}

/// PUTs as a slot says: to its URL, with its header.
pub async fn put_slot(slot: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let bearer = slot.split_once("<header name=\"Authorization\">").and_then(|(_, rest)| rest.split_once('<'));
    let bearer = bearer.map(|(bearer, _)| ("Authorization", bearer));
    put(&url(slot, "put"), &headers.iter().copied().chain(bearer).collect::<Vec<_>>(), body).await
}

/// PUTs to a slot's URL.
pub async fn put(url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let slot = Answer { status: 307, headers: vec![("location".into(), url.to_owned())], body: Vec::new() };
    follow_with(&slot, "PUT", headers, body).await
}

/// What a file's address leads to at the gateway.
pub fn target(get: &str) -> String {
    let url: url::Url = get.parse().unwrap();
    url[url::Position::BeforePath..].to_owned()
}

/// Uploads a file through a slot; gives its address.
pub async fn uploaded(world: &World, from: &str, name: &str, inside: &str, body: &[u8]) -> String {
    let answer = world.send(&iq(&slot_request(name, body.len(), inside), from)).await;
    let slot = stanza(&answer);
    assert_eq!(put_slot(&slot, &[], body).await.status, 201);
    let get = url(&slot, "get");
    assert_eq!(world.fetch(&target(&get)).await.body, body);
    get
}
