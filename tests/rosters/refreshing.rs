//! Prosody learns of edits: by S3's events on its own, and when it is asked to.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Answer, Request, World,
    prosody::Prosody,
    rosters::{basic, parsed, put, request, roster, store, with_json, world},
};

async fn world_with(prosody: &Prosody) -> World {
    world(&[("SATCHEL_PROSODY_REFRESH_URL", &prosody.url())]).await
}

fn refresh(target: &str, usernames: &Value) -> Request {
    with_json("POST", target, usernames)
}

/// Sends a refresh while Prosody answers as many batches as it gets.
async fn refreshed(world: &World, prosody: &mut Prosody, request: Request) -> (Answer, Vec<Vec<String>>) {
    let mut batches = Vec::new();
    let sent = world.send(&request);
    tokio::pin!(sent);
    loop {
        tokio::select! {
            answer = &mut sent => return (answer, batches),
            posted = prosody.next() => {
                batches.push(posted.usernames.clone());
                posted.done();
            }
        }
    }
}

#[tokio::test]
async fn an_edit_reaches_prosody_by_itself() {
    let mut prosody = Prosody::start().await;
    let world = world_with(&prosody).await;
    for (target, user) in [("/contacts/john/marie@x", "john"), ("/contacts/tr%C3%A8s%2F/marie@x", "très/")] {
        store(&world, target, json!({})).await;
        let posted = prosody.next().await;
        assert_eq!(posted.usernames, [user]);
        assert!(posted.head.starts_with("POST /roster_admin/refresh HTTP/1.1\r\n"), "{}", posted.head);
        let head = posted.head.to_lowercase();
        let authorization = format!("authorization: {}", basic("satchel:hunter2")).to_lowercase();
        assert!(head.contains(&authorization) && head.contains("content-type: application/json"), "{head}");
        posted.done();
    }
    world.stop().await;
    prosody.stop();
}

#[tokio::test]
async fn a_group_reaches_all_of_its_members() {
    let mut prosody = Prosody::start().await;
    let world = world_with(&prosody).await;
    store(&world, "/groups/Team", json!(["a@x", "b@x", "c@x"])).await;
    let mut told = Vec::new();
    while told.len() < 3 {
        let posted = prosody.next().await;
        told.extend(posted.usernames.clone());
        posted.done();
    }
    told.sort_unstable();
    assert_eq!(told, ["a", "b", "c"]);
    world.stop().await;
    prosody.stop();
}

#[tokio::test]
async fn uploads_are_none_of_prosodys_business() {
    let mut prosody = Prosody::start().await;
    let world = world_with(&prosody).await;
    world.store("u/a", b"hello").await;
    store(&world, "/groups/Team", json!(["bot.x"])).await;
    store(&world, "/contacts/john/marie@x", json!({})).await;
    let posted = prosody.next().await;
    assert_eq!(posted.usernames, ["john"], "the first that it hears of");
    posted.done();
    world.stop().await;
    prosody.stop();
}

#[tokio::test]
async fn usernames_are_folded_batched_and_added_up() {
    let mut prosody = Prosody::start().await;
    let world = world_with(&prosody).await;
    let names: Vec<String> = (0..120).map(|number| format!("user{number}")).collect();
    let twice: Vec<&String> = names.iter().chain(&names).collect();
    let (answer, batches) = refreshed(&world, &mut prosody, refresh("/contacts/refresh", &json!(twice))).await;
    let expected = json!({"status": "ok", "message": "roster update complete", "updated": 120, "errors": 0});
    assert_eq!(parsed(&answer), expected);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20]);
    assert_eq!(batches.concat(), names);
    world.stop().await;
    prosody.stop();
}

#[tokio::test]
async fn prosody_is_never_asked_about_nobody() {
    let mut prosody = Prosody::start().await;
    let world = world_with(&prosody).await;
    for target in ["/contacts/refresh", "/contacts/refresh?replace=true"] {
        let (answer, batches) = refreshed(&world, &mut prosody, refresh(target, &json!([]))).await;
        assert_eq!((parsed(&answer)["updated"].as_u64(), batches.len()), (Some(0), 0), "{target}");
    }
    world.stop().await;
    prosody.stop();
}

#[tokio::test]
async fn malformed_refreshes_are_refused() {
    let prosody = Prosody::start().await;
    let world = world_with(&prosody).await;
    for (body, code) in [
        ("", "body_missing"),
        ("  ", "body_missing"),
        ("{", "json_malformed"),
        ("{}", "json_malformed"),
        ("null", "json_malformed"),
        ("\"john\"", "json_malformed"),
        ("[1]", "entry_malformed"),
        ("[\"\"]", "entry_malformed"),
        ("[\"a\", null]", "entry_malformed"),
    ] {
        let answer = world.send(&request("POST", "/contacts/refresh").body(body.as_bytes())).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{body}");
    }
    let flag = world.send(&refresh("/contacts/refresh?replace=maybe", &json!(["john"]))).await;
    assert_eq!(flag.code(), "parameter_malformed");
    let stranger = world.send(&Request::new("POST", "/contacts/refresh").body(b"[\"john\"]")).await;
    assert_eq!((stranger.status, stranger.code().as_str()), (401, "basic_required"));
    assert_eq!(stranger.header("www-authenticate"), Some("Basic realm=\"satchel\""));
    world.stop().await;
    prosody.stop();
}

#[tokio::test]
async fn prosody_that_is_down_is_said_in_its_own_shape() {
    let prosody = Prosody::start().await;
    let url = prosody.url();
    prosody.stop();
    let world = world(&[("SATCHEL_PROSODY_REFRESH_URL", &url)]).await;
    let answer = world.send(&refresh("/contacts/refresh", &json!(["john", "marie"]))).await;
    assert_eq!((answer.status, answer.header("content-type")), (502, Some("application/json")));
    let report: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&report["status"], &report["updated"], &report["errors"]), (&json!("error"), &json!(0), &json!(2)));
    assert!(report["message"].as_str().unwrap().contains("not reachable"), "{report}");
    assert!(!report.to_string().contains("hunter2"));
    store(&world, "/contacts/john/marie@x", json!({})).await;
    world.stop().await;
}

#[tokio::test]
async fn a_changed_name_reaches_prosody_by_replacing() {
    let mut prosody = Prosody::start().await;
    let world = world_with(&prosody).await;
    store(&world, "/contacts/john", json!({"marie@x": {"name": "Marie"}, "michael@x": {}})).await;
    prosody.next().await.done();
    store(&world, "/contacts/john/marie@x", json!({"name": "Marie C.", "groups": ["Friends"]})).await;
    prosody.next().await.done();
    let (answer, seen) = replaced(&world, &mut prosody).await;
    assert_eq!(parsed(&answer)["updated"], 2);
    assert_eq!(seen[0], json!({"michael@x": {}}), "first without the one that has changed: {seen:?}");
    assert_eq!(seen.last(), Some(&full()), "then with them: {seen:?}");
    world.stop().await;
    prosody.stop();
}

/// Replaces John's changed contacts; gives what Prosody can fetch whenever it is told something meanwhile: what the two
/// writes themselves cause may come in between.
async fn replaced(world: &World, prosody: &mut Prosody) -> (Answer, Vec<Value>) {
    let replacing = refresh("/contacts/refresh?replace=true", &json!(["john", "nobody"]));
    let (mut seen, sent) = (Vec::new(), world.send(&replacing));
    tokio::pin!(sent);
    loop {
        tokio::select! {
            answer = &mut sent => return (answer, seen),
            posted = prosody.next() => {
                seen.push(roster(world, "john").await);
                posted.done();
            }
        }
    }
}

fn full() -> Value {
    json!({"marie@x": {"name": "Marie C.", "groups": {"Friends": true}}, "michael@x": {}})
}

#[tokio::test]
async fn contacts_are_shown_again_where_prosody_fails_while_they_are_hidden() {
    let mut prosody = Prosody::start().await;
    let world = world_with(&prosody).await;
    store(&world, "/contacts/john/marie@x", json!({"name": "Marie"})).await;
    prosody.next().await.done();
    put(&world, "/contacts/john/marie@x", json!({"name": "M."})).await;
    prosody.next().await.done();
    let replacing = refresh("/contacts/refresh?replace=true", &json!(["john"]));
    let refusing = async {
        loop {
            prosody.next().await.answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    };
    let answer = tokio::select! {
        answer = world.send(&replacing) => answer,
        () = refusing => unreachable!(),
    };
    assert_eq!(answer.status, 502);
    assert_eq!(roster(&world, "john").await, json!({"marie@x": {"name": "M."}}));
    world.stop().await;
    prosody.stop();
}

#[tokio::test]
async fn a_stack_stops_while_prosody_hangs() {
    let mut prosody = Prosody::start().await;
    let world = world_with(&prosody).await;
    store(&world, "/contacts/john/marie@x", json!({})).await;
    let _hanging = prosody.next().await;
    tokio::time::timeout(Duration::from_secs(20), world.stop()).await.unwrap();
    prosody.stop();
}
