//! GET `/contacts/{username}`: fast, always valid, whoever is asked for.

use satchel_core::config::FromEnvironment;
use satchel_roster_fetch::RosterFetchConfig;
use satchel_telemetry::clock::Clock;
use serde_json::{Value, json};

use crate::support::{
    PlainS3, Request, World,
    gated_s3::GatedS3,
    invoked,
    rosters::{basic, delete, parsed, put, request, roster, store, world, world_at, world_over_s3},
};

fn johns() -> Value {
    json!({
        "marie@example.org": {"name": "Marie", "groups": ["Friends"]},
        "michael@example.org": {"name": "Michael", "groups": ["Friends", "Work"]},
        "silent@example.org": {},
    })
}

#[tokio::test]
async fn a_roster_has_the_shape_that_prosody_survives() {
    let world = world(&[]).await;
    store(&world, "/contacts/john", johns()).await;
    let expected = json!({
        "marie@example.org": {"name": "Marie", "groups": {"Friends": true}},
        "michael@example.org": {"name": "Michael", "groups": {"Friends": true, "Work": true}},
        "silent@example.org": {},
    });
    assert_eq!(roster(&world, "john").await, expected);
    world.stop().await;
}

#[tokio::test]
async fn whoever_is_unknown_has_an_empty_roster() {
    let world = world(&[]).await;
    let long = "a".repeat(1_017);
    for user in ["john", "refresh", "a/b", "%e8", "..", &long] {
        assert_eq!(roster(&world, user).await, json!({}), "{user}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_fetch_is_one_s3_request() {
    let world = world_over_s3().await;
    store(&world, "/contacts/john", johns()).await;
    store(&world, "/groups/Team", json!(["john@example.org", "paul@example.org"])).await;
    for user in ["john", "paul", "unknown"] {
        let before = world.s3_requests();
        roster(&world, user).await;
        assert_eq!(world.s3_requests(), before + 1, "{user}");
    }
    let before = world.s3_requests();
    assert_eq!(world.send(&Request::new("GET", "/contacts/john")).await.status, 401);
    assert_eq!(world.s3_requests(), before, "strangers cost nothing");
    world.stop().await;
}

#[tokio::test]
async fn a_username_is_understood_encoded_or_not() {
    let world = world(&[]).await;
    for (stored, spellings) in [
        ("john", vec!["john", "John"]),
        ("tr%C3%A8s", vec!["très", "tr%C3%A8s", "tr%c3%a8s", "TR%C3%88S"]),
        ("a%2Fb", vec!["a/b", "a%2Fb", "a%2fb"]),
        ("a%40b.example", vec!["a@b.example", "a%40b.example"]),
        ("100%25", vec!["100%", "100%25"]),
        ("a%25zz", vec!["a%zz", "a%25zz"]),
        ("%F0%9F%8E%88", vec!["🎈", "%F0%9F%8E%88"]),
        ("a%20b", vec!["a%20b"]),
        ("a+b", vec!["a+b", "a%2Bb"]),
        ("d%5C27artagnan", vec!["d\\27artagnan", "d%5C27artagnan"]),
        ("refresh", vec!["refresh"]),
        ("%2E%2E", vec!["%2E%2E"]),
        ("a%23b", vec!["a%23b"]),
        ("a%3Fb", vec!["a%3Fb"]),
    ] {
        store(&world, &format!("/contacts/{stored}"), json!({"marie@example.org": {"name": stored}})).await;
        for spelling in spellings {
            assert_eq!(roster(&world, spelling).await["marie@example.org"]["name"], stored, "{spelling}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn nobody_gets_at_another_roster_with_a_username_that_looks_encoded() {
    let world = world(&[]).await;
    store(&world, "/contacts/admin", johns()).await;
    store(&world, "/contacts/jos%C3%A9", johns()).await;
    assert_eq!(roster(&world, "%61dmin").await, json!({}));
    let raw = async |name: &str| world.send(&request("GET", &format!("/raw/contacts/{name}"))).await;
    assert_eq!(parsed(&raw("jos%C3%A9/end").await), json!({}), "to the letter");
    assert_ne!(parsed(&raw("josé/end").await), json!({}));
    // What is left of admin#x and admin?x.
    for cut in ["admin", "admin?x/end"] {
        assert_eq!((raw(cut).await.status, raw(cut).await.code().as_str()), (400, "path_malformed"), "{cut}");
    }
    assert_eq!(put(&world, "/raw/contacts/admin/end", json!({})).await.code(), "method_not_allowed");
    assert_ne!(roster(&world, "admin").await, json!({}));
    world.stop().await;
}

#[tokio::test]
async fn what_an_app_has_already_is_not_sent_again() {
    let world = world(&[]).await;
    store(&world, "/contacts/john", johns()).await;
    let first = world.send(&request("GET", "/contacts/john")).await;
    let etag = first.header("etag").unwrap();
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    let again = world.send(&request("GET", "/contacts/john").header("If-None-Match", etag)).await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag)));
    let head = world.send(&request("HEAD", "/contacts/john")).await;
    assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, Some(etag)));
    let edited = put(&world, "/contacts/john/marie@example.org", json!({"name": "M."})).await;
    let other = world.send(&request("GET", "/contacts/john").header("If-None-Match", etag)).await;
    assert_eq!(other.status, 200);
    assert_eq!(edited.header("etag"), other.header("etag"), "an edit tells the new one");
    world.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_may_edit() {
    let world = world(&[]).await;
    let preflight = world.send(&Request::new("OPTIONS", "/contacts/john/marie@example.org")).await;
    assert_eq!(preflight.status, 204);
    for (header, part) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "DELETE"),
        ("access-control-allow-headers", "If-Match"),
        ("access-control-expose-headers", "ETag"),
    ] {
        assert!(preflight.header(header).unwrap().contains(part), "{header}");
    }
    let refusal = world.send(&Request::new("PUT", "/contacts/john")).await;
    assert_eq!(refusal.header("access-control-allow-origin"), Some("*"));
    world.stop().await;
}

#[tokio::test]
async fn only_callers_with_credentials_are_answered() {
    let world = world(&[]).await;
    for (method, target) in [
        ("GET", "/contacts/john"),
        ("HEAD", "/contacts/john"),
        ("PUT", "/contacts/john"),
        ("DELETE", "/contacts/john/marie@example.org"),
        ("GET", "/groups/Team"),
        ("PUT", "/groups/Team"),
    ] {
        for credentials in [None, Some("app:pass"), Some("app"), Some("app:new pass:"), Some(":")] {
            let request = Request::new(method, target).body(b"{}");
            let request = match credentials {
                Some(pair) => request.header("Authorization", basic(pair)),
                None => request,
            };
            let answer = world.send(&request).await;
            assert_eq!(answer.status, 401, "{method} {target} {credentials:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"satchel\""));
        }
    }
    let previous = Request::new("GET", "/contacts/john").header("Authorization", basic("prosody:pass"));
    assert_eq!(parsed(&world.send(&previous).await), json!({}), "the previous pair counts, too");
    world.stop().await;
}

#[tokio::test]
async fn without_credentials_to_ask_for_there_are_no_rosters() {
    let world = World::new().await;
    for (method, target) in [("GET", "/contacts/john"), ("PUT", "/contacts/john"), ("POST", "/contacts/refresh")] {
        let answer = world.send(&request(method, target).body(b"{}")).await;
        assert!(matches!(answer.status, 404 | 405), "{method} {target}: {}", answer.status);
    }
    assert!(world.is_empty().await);
    world.stop().await;
}

#[tokio::test]
async fn a_roster_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    let s3 = GatedS3::start().await;
    let world = world_at(s3.address).await;
    store(&world, "/contacts/john", johns()).await;
    s3.fail(&["GET /satchel/rosters/john"]);
    let answer = world.send(&request("GET", "/contacts/john")).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
    assert!(answer.header("retry-after").is_some());
    for (method, target) in [("PUT", "/contacts/john/a@x"), ("DELETE", "/contacts/john/marie@example.org")] {
        assert_eq!(world.send(&request(method, target).body(b"{}")).await.code(), "storage_unavailable", "{method}");
    }
    s3.fail(&[]);
    for garbage in ["", "{", "[1]", "{\"contacts\": 5}", "{\"other\": {}}"] {
        let object =
            world.s3().put_object().bucket("satchel").key("rosters/marie").body(garbage.as_bytes().to_vec().into());
        object.send().await.unwrap();
        let fetched = world.send(&request("GET", "/contacts/marie")).await;
        assert_eq!((fetched.status, fetched.code().as_str()), (500, "document_unreadable"), "{garbage}");
        assert_eq!(put(&world, "/contacts/marie/a@x", json!({})).await.status, 500, "and never overwritten: {garbage}");
        assert_eq!(delete(&world, "/contacts/marie/a@x").await.status, 500);
    }
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn a_roster_of_5000_contacts_is_one_s3_request() {
    let world = world_over_s3().await;
    let contacts: serde_json::Map<String, Value> = (0..5_000)
        .map(|number| {
            (format!("user{number}@example.org"), json!({"name": format!("User {number}"), "groups": ["All"]}))
        })
        .collect();
    let sent = Value::Object(contacts);
    for request in [
        request("PUT", "/contacts/john").body(sent.to_string().as_bytes()),
        request("PUT", "/contacts/marie").header("Expect", "100-continue").body(sent.to_string().as_bytes()),
    ] {
        assert_eq!(world.send(&request).await.status, 201);
    }
    for user in ["john", "marie"] {
        let before = world.s3_requests();
        let fetched = roster(&world, user).await;
        assert_eq!(world.s3_requests(), before + 1);
        assert_eq!(fetched.as_object().unwrap().len(), 5_000);
        assert_eq!(fetched["user4999@example.org"], json!({"name": "User 4999", "groups": {"All": true}}));
    }
    let one_more = put(&world, "/contacts/john/one-more@example.org", json!({})).await;
    assert_eq!((one_more.status, one_more.code().as_str()), (409, "roster_full"));
    world.stop().await;
}

pub(super) fn state(world: &World) -> satchel_roster_fetch::State {
    let lookup = |name: &str| match name {
        "SATCHEL_PUBLIC_URL" => None,
        name => Some(world.variable(name)),
    };
    satchel_roster_fetch::State::new(RosterFetchConfig::parse(lookup).unwrap(), &world.sdk(), Clock::System)
}

pub(super) fn rest(method: &str, path: &str, body: Option<&str>) -> Value {
    let headers = json!({"Host": "id.execute-api.eu-central-1.amazonaws.com", "Authorization": basic("prosody:pass")});
    let many = json!({"Authorization": [basic("prosody:pass")]});
    json!({
        "resource": "/contacts/{path+}", "path": path, "httpMethod": method, "headers": headers, "multiValueHeaders": many,
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "requestContext": {"stage": "prod", "path": format!("/prod{path}"), "requestId": "r", "httpMethod": method},
        "body": body, "isBase64Encoded": body.is_some(),
    })
}

fn http_api(method: &str, decoded_path: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": decoded_path, "rawQueryString": "",
        "headers": {"authorization": basic("prosody:pass")},
        "requestContext": {"stage": "$default", "requestId": "r", "http": {"method": method, "path": decoded_path}},
        "body": null, "isBase64Encoded": false,
    })
}

#[tokio::test]
async fn every_shape_of_event_is_understood() {
    let s3 = PlainS3::start().await;
    let world = world_at(s3.address()).await;
    let state = state(&world);
    for (number, stored) in ["tr%C3%A8s", "a%2Fb", "100%25", "plain"].into_iter().enumerate() {
        // {"x": {"name": "x"}}
        let event = rest("PUT", &format!("/contacts/{stored}"), Some("eyJ4IjogeyJuYW1lIjogIngifX0="));
        let (head, body) = invoked(&event);
        let stored_answer = satchel_roster_fetch::handle(&state, head, body).await;
        assert_eq!(stored_answer.status(), 201, "{stored}");
        let decoded = ["très", "a/b", "100%", "plain"][number];
        for event in [
            rest("GET", &format!("/contacts/{stored}"), None),
            rest("GET", &format!("/prod/contacts/{stored}"), None),
            http_api("GET", &format!("/contacts/{stored}")),
            http_api("GET", &format!("/contacts/{decoded}")),
        ] {
            let (head, body) = invoked(&event);
            let fetched = satchel_roster_fetch::handle(&state, head, body).await;
            assert_eq!(fetched.response.body().as_ref(), b"{\"x\":{\"name\":\"x\"}}", "{event}");
        }
    }
    world.stop().await;
    s3.stop().await;
}
