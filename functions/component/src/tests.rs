//! Both doors, from event to answer.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use satchel_aws::{clock::Clock, sdk};
use satchel_core::{config::FromEnvironment, time::Timestamp};
use serde_json::{Value, json};

use super::*;

const STANZA: &str = "<iq type='get' id='1'><request xmlns='urn:xmpp:http:upload:0' filename='a b.txt' size='7'/></iq>";

fn state(extra: &[(&str, &str)]) -> State {
    let basics = [
        ("SATCHEL_BUCKET", "files"),
        ("SATCHEL_PUBLIC_URL", "https://files.example.org/upload"),
        ("SATCHEL_COMPONENT_CREDENTIALS", "prosody:secret"),
        ("SATCHEL_MAX_SIZE", "1000"),
    ];
    let value = |name: &str| {
        let mut known = extra.iter().chain(&basics);
        known.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let credentials = aws_credential_types::Credentials::new("AKIDEXAMPLE", "key", None, None, "test");
    let sdk = sdk::of_known("eu-central-1", credentials, None);
    let clock = Clock::fixed(Timestamp::from_seconds(1_440_938_160));
    State::new(ComponentConfig::parse(value).unwrap(), &sdk, clock)
}

fn basic(pair: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

fn request(method: &str, path: &str, authorization: Option<&str>, body: Body) -> Request {
    let mut request = http::Request::builder().method(method).uri(format!("https://x.org{path}"));
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, basic(authorization));
    }
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body).unwrap();
    request.with_raw_http_path(path)
}

async fn post(authorization: Option<&str>, body: &str) -> Response<Body> {
    handle(&state(&[]), request("POST", "/component", authorization, body.into())).await
}

fn posted_iq(stanza: &str) -> String {
    json!({ "to": "upload.example.org", "from": "romeo@example.org/x", "kind": "iq", "stanza": stanza }).to_string()
}

fn text(response: &Response<Body>) -> &str {
    match response.body() {
        Body::Text(text) => text,
        _ => "",
    }
}

async fn slot(
    extra: &[(&str, &str)],
    path: &str,
    authorization: Option<&str>,
    query: &[(&str, &str)],
) -> Response<Body> {
    let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let parameters: std::collections::HashMap<String, String> = query.into_iter().collect();
    let request = request("GET", path, authorization, Body::Empty).with_query_string_parameters(parameters);
    handle(&state(extra), request).await
}

#[tokio::test]
async fn a_posted_slot_request_is_answered_in_the_one_form_that_counts() {
    let response = post(Some("prosody:secret"), &posted_iq(STANZA)).await;
    assert_eq!(
        (response.status(), response.headers()[CONTENT_TYPE].as_bytes()),
        (StatusCode::OK, b"application/json".as_slice())
    );
    let answer: Value = serde_json::from_str(text(&response)).unwrap();
    let stanza = answer["stanza"].as_str().unwrap();
    assert_eq!(answer.as_object().unwrap().len(), 1);
    for part in [
        "<iq type=\"result\" id=\"1\" from=\"upload.example.org\" to=\"romeo@example.org/x\">",
        "<put url=\"https://files.s3.eu-central-1.amazonaws.com/incoming/",
        "X-Amz-SignedHeaders=content-length%3Bhost",
        "X-Amz-Expires=300",
        "<get url=\"https://files.example.org/upload/",
        "/a%20b.txt\"/></slot></iq>",
    ] {
        assert!(stanza.contains(part), "{part} in {stanza}");
    }
}

#[tokio::test]
async fn a_body_in_base64_and_a_refusal_are_answered_alike() {
    let body = posted_iq(&STANZA.replace("'7'", "'1001'")).into_bytes();
    let response = handle(&state(&[]), request("POST", "/Prod/component", Some("prosody:secret"), body.into())).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(text(&response).contains("file-too-large"));
}

#[tokio::test]
async fn two_slots_never_share_an_address() {
    let (one, other) = (
        post(Some("prosody:secret"), &posted_iq(STANZA)).await,
        post(Some("prosody:secret"), &posted_iq(STANZA)).await,
    );
    assert_ne!(text(&one), text(&other));
}

#[tokio::test]
async fn what_needs_no_reply_gets_204_and_no_body() {
    for stanza in ["<iq type='result' id='1'/>", "<iq type='error' id='1'/>"] {
        let response = post(Some("prosody:secret"), &posted_iq(stanza)).await;
        assert_eq!((response.status(), text(&response)), (StatusCode::NO_CONTENT, ""));
    }
    let message = posted_iq("<message/>").replace("\"iq\"", "\"message\"");
    assert_eq!(post(Some("prosody:secret"), &message).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn strangers_learn_which_credentials_are_needed() {
    for authorization in [None, Some("prosody:wrong"), Some("prosody"), Some(":")] {
        let response = post(authorization, &posted_iq(STANZA)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{authorization:?}");
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Basic realm=\"satchel\"");
    }
}

#[tokio::test]
async fn malformed_bodies_are_400_with_a_stable_code() {
    for (body, code) in [
        (String::new(), "json_malformed"),
        ("to=a&from=b".to_owned(), "json_malformed"),
        (posted_iq("<iq"), "stanza_malformed"),
        (posted_iq("<!DOCTYPE iq><iq/>"), "stanza_malformed"),
    ] {
        let response = post(Some("prosody:secret"), &body).await;
        let problem: Value = serde_json::from_str(text(&response)).unwrap();
        assert_eq!((response.status(), &problem["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{body}");
    }
}

#[tokio::test]
async fn addresses_take_one_method_each() {
    for (method, path, status) in [
        ("GET", "/component", StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/slot", StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/slot/secret", StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/other", StatusCode::NOT_FOUND),
        ("GET", "/slot", StatusCode::NOT_FOUND),
    ] {
        let response = handle(&state(&[]), request(method, path, Some("prosody:secret"), Body::Empty)).await;
        assert_eq!(response.status(), status, "{method} {path}");
    }
}

#[tokio::test]
async fn ejabberd_gets_two_lines() {
    let callers = [("SATCHEL_SLOT_CREDENTIALS", "ejabberd:secret\nsegment")];
    let query = [("jid", "romeo@example.org"), ("name", "a b.txt"), ("size", "7"), ("content_type", "text/plain")];
    for (path, authorization) in
        [("/slot", Some("ejabberd:secret")), ("/slot/segment", None), ("/Prod/slot/segment", None)]
    {
        let response = slot(&callers, path, authorization, &query).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers()[CONTENT_TYPE].to_str().unwrap().starts_with("text/plain"));
        let lines: Vec<_> = text(&response).split('\n').collect();
        let [put, get] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(put.starts_with("https://files.s3.eu-central-1.amazonaws.com/incoming/"));
        assert!(get.starts_with("https://files.example.org/upload/") && get.ends_with("/a%20b.txt"));
    }
    for (path, authorization) in [
        ("/slot", None),
        ("/slot", Some("ejabberd:x")),
        ("/slot/other", None),
        ("/slot/ejabberd:secret", None),
        ("/slot/", None),
    ] {
        assert_eq!(slot(&callers, path, authorization, &query).await.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn each_door_is_open_only_to_configured_callers() {
    let ejabberd_alone = [("SATCHEL_COMPONENT_CREDENTIALS", ""), ("SATCHEL_SLOT_CREDENTIALS", "segment")];
    let posted = request("POST", "/component", Some("prosody:secret"), posted_iq(STANZA).into());
    assert_eq!(handle(&state(&ejabberd_alone), posted).await.status(), StatusCode::NOT_FOUND);
    let query = [("jid", "romeo@example.org"), ("name", "a"), ("size", "7")];
    assert_eq!(slot(&ejabberd_alone, "/slot/segment", None, &query).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn ejabberds_slots_can_lead_to_a_front() {
    let config = [
        ("SATCHEL_SLOT_CREDENTIALS", "segment"),
        ("SATCHEL_SLOT_PUT", "front"),
        ("SATCHEL_UPLOAD_SECRETS", "shared secret"),
    ];
    let query = [("jid", "romeo@example.org"), ("name", "a/b é.txt"), ("size", "7"), ("content_type", "text/plain")];
    let response = slot(&config, "/slot/segment", None, &query).await;
    let lines: Vec<_> = text(&response).split('\n').collect();
    let [put, get] = lines.as_slice() else { panic!("{lines:?}") };
    let (folder, name) = get.rsplit_once('/').unwrap();
    assert!(folder.starts_with("https://files.example.org/upload/") && name == "a_b__.txt", "{get}");
    assert!(put.strip_prefix(folder).unwrap().starts_with("/eyJ"), "{put}");
    let unusable = slot(&config, "/slot/segment", None, &[("jid", "a@b"), ("name", ".."), ("size", "7")]).await;
    assert_eq!(unusable.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn ejabberd_learns_why_there_is_no_slot() {
    let config = [("SATCHEL_SLOT_CREDENTIALS", "segment"), ("SATCHEL_ALLOWED_DOMAINS", "example.org")];
    for (jid, name, size, status) in [
        ("romeo@evil.example", "a", "1", StatusCode::FORBIDDEN),
        ("romeo@example.org", "a", "1001", StatusCode::PAYLOAD_TOO_LARGE),
        ("romeo@example.org", "a", "0", StatusCode::BAD_REQUEST),
        ("romeo@example.org", "a/b", "1", StatusCode::BAD_REQUEST),
        ("", "a", "1", StatusCode::BAD_REQUEST),
    ] {
        let query = [("jid", jid), ("name", name), ("size", size)];
        let response = slot(&config, "/slot/segment", None, &query).await;
        assert_eq!(response.status(), status, "{jid} {name} {size}");
    }
}
