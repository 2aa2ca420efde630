//! PUT and DELETE below `/contacts/`: whole rosters, single contacts, both sides of a friendship.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::fetching::{rest, state};
use crate::support::{
    PlainS3, Request,
    gated_s3::GatedS3,
    invoked,
    rosters::{delete, put, request, roster, store, with_json, world, world_at, world_over_s3},
};

#[tokio::test]
async fn a_whole_roster_is_put() {
    let world = world(&[]).await;
    let contacts = json!({
        "Marie@Example.org": {"name": "Marie", "groups": ["Friends"]},
        "michael@example.org": {"groups": {"Friends": true}},
    });
    assert_eq!(put(&world, "/contacts/john", contacts).await.status, 201);
    let expected = json!({
        "marie@example.org": {"name": "Marie", "groups": {"Friends": true}},
        "michael@example.org": {"groups": {"Friends": true}},
    });
    assert_eq!(roster(&world, "john").await, expected);
    assert_eq!(put(&world, "/contacts/john", expected).await.status, 204, "in the form that it is fetched in, too");
    assert_eq!(put(&world, "/contacts/john", json!({})).await.status, 204);
    assert_eq!(roster(&world, "john").await, json!({}));
    world.stop().await;
}

#[tokio::test]
async fn contacts_come_change_and_go_one_by_one() {
    let world = world(&[]).await;
    let marie = "/contacts/john/marie@example.org";
    assert_eq!(delete(&world, marie).await.code(), "contact_not_found");
    assert_eq!(put(&world, marie, json!({"name": "Marie"})).await.status, 201);
    assert_eq!(put(&world, "/contacts/john/MICHAEL@example.org", json!({})).await.status, 201);
    assert_eq!(put(&world, marie, json!({"groups": ["Friends"]})).await.status, 204);
    let both = json!({"marie@example.org": {"groups": {"Friends": true}}, "michael@example.org": {}});
    assert_eq!(roster(&world, "john").await, both);
    assert_eq!(delete(&world, "/contacts/john/marie%40example.org").await.status, 204);
    assert_eq!(delete(&world, marie).await.status, 404);
    assert_eq!(roster(&world, "john").await, json!({"michael@example.org": {}}));
    world.stop().await;
}

#[tokio::test]
async fn an_edit_that_changes_nothing_writes_nothing() {
    let world = world_over_s3().await;
    store(&world, "/contacts/john/marie@example.org", json!({"name": "Marie"})).await;
    let before = world.s3_requests();
    assert_eq!(put(&world, "/contacts/john/marie@example.org", json!({"name": "Marie"})).await.status, 204);
    assert_eq!(world.s3_requests(), before + 1, "read and not written");
    world.stop().await;
}

#[tokio::test]
async fn usernames_are_understood_in_edits() {
    let world = world(&[]).await;
    for (target, user) in [
        ("/contacts/a%2Fb/marie@x", "a/b"),
        ("/contacts/a/b/marie@x", "a/b"),
        ("/contacts/très/marie@x", "très"),
        ("/contacts/John/marie@x", "john"),
        ("/contacts/c@d/marie@x", "c@d"),
        ("/contacts/50%25/marie@x", "50%"),
    ] {
        store(&world, target, json!({})).await;
        assert_eq!(roster(&world, user).await, json!({"marie@x": {}}), "{target}");
    }
    world.stop().await;
}

#[tokio::test]
async fn mutual_changes_both_sides() {
    let world = world(&[]).await;
    let aaron = "/contacts/john/aaron@example.org?mutual=true";
    assert_eq!(put(&world, aaron, json!({"name": "Aaron", "groups": ["Friends"]})).await.status, 201);
    let friends = json!({"aaron@example.org": {"name": "Aaron", "groups": {"Friends": true}}});
    assert_eq!(roster(&world, "john").await, friends);
    assert_eq!(roster(&world, "aaron").await, json!({"john@example.org": {}}));
    store(&world, "/contacts/aaron/john@example.org", json!({"name": "Johnny"})).await;
    assert_eq!(put(&world, aaron, json!({})).await.status, 204);
    assert_eq!(roster(&world, "aaron").await, json!({"john@example.org": {"name": "Johnny"}}), "theirs stays theirs");
    assert_eq!(delete(&world, aaron).await.status, 204);
    assert_eq!((roster(&world, "john").await, roster(&world, "aaron").await), (json!({}), json!({})));
    assert_eq!(delete(&world, aaron).await.status, 404);
    store(&world, "/contacts/aaron/john@example.org", json!({})).await;
    assert_eq!(delete(&world, aaron).await.status, 204, "one side is enough");
    assert_eq!(roster(&world, "aaron").await, json!({}));
    world.stop().await;
}

#[tokio::test]
async fn only_those_with_rosters_here_are_changed_along() {
    let world = world(&[("SATCHEL_ROSTER_DOMAIN", "example.org")]).await;
    for target in [
        "/contacts/john/john@example.org?mutual=true",
        "/contacts/john/marie@elsewhere.example?mutual=true",
        "/contacts/john/example.org?mutual=true",
        "/contacts/a%2Fb/marie@example.org?mutual=true",
        "/contacts/john?mutual=true",
    ] {
        let answer = put(&world, target, json!({})).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "not_mutual"), "{target}");
    }
    assert_eq!(put(&world, "/contacts/john/a@example.org?mutual=1", json!({})).await.code(), "parameter_malformed");
    assert!(world.is_empty().await);
    world.stop().await;
}

#[tokio::test]
async fn half_a_friendship_is_told_and_completed_by_repeating() {
    let s3 = GatedS3::start().await;
    let world = world_at(s3.address).await;
    let aaron = "/contacts/john/aaron@example.org?mutual=true";
    s3.fail(&["PUT /satchel/rosters/aaron"]);
    let answer = put(&world, aaron, json!({"name": "Aaron"})).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "edit_incomplete"));
    let said = String::from_utf8(answer.body.clone()).unwrap();
    assert!(said.contains("'john'") && said.contains("'aaron'"), "{said}");
    assert_eq!(roster(&world, "aaron").await, json!({}));
    s3.fail(&[]);
    assert_eq!(put(&world, aaron, json!({"name": "Aaron"})).await.status, 204);
    assert_eq!(roster(&world, "aaron").await, json!({"john@example.org": {}}));
    s3.fail(&["PUT /satchel/rosters/aaron"]);
    assert_eq!(delete(&world, aaron).await.code(), "edit_incomplete");
    s3.fail(&[]);
    assert_eq!(delete(&world, aaron).await.status, 204);
    assert_eq!((roster(&world, "john").await, roster(&world, "aaron").await), (json!({}), json!({})));
    s3.fail(&["GET /satchel/rosters/aaron"]);
    assert_eq!(put(&world, aaron, json!({})).await.code(), "storage_unavailable");
    assert_eq!(roster(&world, "john").await, json!({}), "the other side is looked at before anything is written");
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn a_hundred_simultaneous_edits_all_survive() {
    let world = Arc::new(world(&[]).await);
    let mut edits = JoinSet::new();
    for number in 0..100 {
        let world = Arc::clone(&world);
        edits.spawn(async move {
            let target = format!("/contacts/john/user{number}@example.org");
            put(&world, &target, json!({"name": format!("User {number}")})).await.status
        });
    }
    assert!(edits.join_all().await.into_iter().all(|status| status == 201));
    let all = roster(&world, "john").await;
    let expected: serde_json::Map<String, Value> =
        (0..100).map(|n| (format!("user{n}@example.org"), json!({"name": format!("User {n}")}))).collect();
    assert_eq!(all, Value::Object(expected));
    let mut edits = JoinSet::new();
    for number in 0..100 {
        let world = Arc::clone(&world);
        edits.spawn(async move {
            let target = format!("/contacts/john/user{number}@example.org");
            match number % 2 {
                0 => delete(&world, &target).await.status,
                _ => put(&world, &target, json!({"groups": ["Odd"]})).await.status,
            }
        });
    }
    assert!(edits.join_all().await.into_iter().all(|status| status == 204));
    let odd = roster(&world, "john").await;
    assert_eq!(odd.as_object().unwrap().len(), 50);
    assert!(odd.as_object().unwrap().values().all(|contact| *contact == json!({"groups": {"Odd": true}})));
    Arc::into_inner(world).unwrap().stop().await;
}

/// As Lambda has it: each with an S3 client of its own, none waiting for another.
#[tokio::test]
async fn a_hundred_edits_of_twenty_processes_all_survive() {
    let s3 = PlainS3::start().await;
    let world = world_at(s3.address()).await;
    let mut edits = JoinSet::new();
    for process in 0..20 {
        let state = state(&world);
        for number in 0..5 {
            let event = rest("PUT", &format!("/contacts/john/u{process}-{number}@x"), Some("e30="));
            let (state, (head, body)) = (state.clone(), invoked(&event));
            edits.spawn(async move { satchel_roster_fetch::handle(&state, head, body).await.status().as_u16() });
        }
    }
    assert!(edits.join_all().await.into_iter().all(|status| status == 201));
    assert_eq!(roster(&world, "john").await.as_object().unwrap().len(), 100);
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn of_simultaneous_friendships_none_is_lost() {
    let world = Arc::new(world(&[]).await);
    let mut edits = JoinSet::new();
    for (one, other) in (0..5).flat_map(|one| (0..5).map(move |other| (one, other))).filter(|(one, other)| one != other)
    {
        let world = Arc::clone(&world);
        edits.spawn(async move {
            let target = format!("/contacts/u{one}/u{other}@x?mutual=true");
            put(&world, &target, json!({"name": format!("{other}")})).await.status
        });
    }
    assert!(edits.join_all().await.into_iter().all(|status| matches!(status, 201 | 204)));
    for one in 0..5 {
        let others: serde_json::Map<String, Value> = (0..5)
            .filter(|other| *other != one)
            .map(|other| (format!("u{other}@x"), json!({"name": format!("{other}")})))
            .collect();
        assert_eq!(roster(&world, &format!("u{one}")).await, Value::Object(others));
    }
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test]
async fn conditions_are_kept_to() {
    let world = world(&[]).await;
    let marie = "/contacts/john/marie@x";
    let conditional =
        |method: &str, target: &str, name: &str, value: &str| with_json(method, target, &json!({})).header(name, value);
    assert_eq!(world.send(&conditional("PUT", marie, "If-None-Match", "*")).await.status, 201);
    let exists = world.send(&conditional("PUT", marie, "If-None-Match", "*")).await;
    assert_eq!((exists.status, exists.code().as_str()), (412, "precondition_failed"));
    let first = world.send(&request("GET", "/contacts/john")).await.header("etag").unwrap().to_owned();
    let edited = world.send(&conditional("PUT", "/contacts/john/a@x", "If-Match", &first)).await;
    assert_eq!(edited.status, 201);
    for (method, target) in [("PUT", "/contacts/john/b@x"), ("PUT", "/contacts/john"), ("DELETE", marie)] {
        let late = world.send(&conditional(method, target, "If-Match", &first)).await;
        assert_eq!((late.status, late.code().as_str()), (412, "precondition_failed"), "{method} {target}");
    }
    let second = edited.header("etag").unwrap();
    assert_eq!(world.send(&conditional("DELETE", marie, "If-Match", second)).await.status, 204);
    assert_eq!(world.send(&conditional("PUT", "/contacts/john", "If-None-Match", "*")).await.status, 412);
    assert_eq!(world.send(&conditional("PUT", "/contacts/paul", "If-Match", "*")).await.status, 412);
    assert_eq!(roster(&world, "john").await, json!({"a@x": {}}));
    world.stop().await;
}

#[tokio::test]
async fn of_simultaneous_conditional_edits_one_wins() {
    let world = Arc::new(world(&[]).await);
    let etag = world.send(&request("GET", "/contacts/john")).await.header("etag").unwrap().to_owned();
    let mut edits = JoinSet::new();
    for number in 0..10 {
        let (world, etag) = (Arc::clone(&world), etag.clone());
        edits.spawn(async move {
            let contacts = json!({format!("user{number}@x"): {}});
            world.send(&with_json("PUT", "/contacts/john", &contacts).header("If-Match", etag)).await.status
        });
    }
    let mut statuses = edits.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![412; 9]].concat());
    assert_eq!(roster(&world, "john").await.as_object().unwrap().len(), 1);
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test]
async fn malformed_input_is_refused_and_changes_nothing() {
    let world = world(&[]).await;
    store(&world, "/contacts/john", json!({"marie@x": {"name": "Marie"}})).await;
    let long = "x".repeat(1_024);
    let many: Vec<String> = (0..5_001).map(|number| format!("\"u{number}@x\":{{}}")).collect();
    let many = format!("{{{}}}", many.join(","));
    let too_long = format!("{{\"a@x\":{{\"name\":\"{long}\"}}}}");
    let cases: Vec<(&str, &str, &[u8], &str)> = vec![
        ("PUT", "/contacts/john", b"", "json_malformed"),
        ("PUT", "/contacts/john", b"{", "json_malformed"),
        ("PUT", "/contacts/john", b"\xff\xfe", "json_malformed"),
        ("PUT", "/contacts/john", b"[]", "json_malformed"),
        ("PUT", "/contacts/john", b"null", "json_malformed"),
        ("PUT", "/contacts/john", b"{} x", "json_malformed"),
        ("PUT", "/contacts/john", b"{\"a@x\":{},\"A@x\":{}}", "entry_malformed"),
        ("PUT", "/contacts/john", b"{\"a b@x\":{}}", "entry_malformed"),
        ("PUT", "/contacts/john", b"{\"a@x/y\":{}}", "entry_malformed"),
        ("PUT", "/contacts/john", b"{\"a@x\":{\"groups\":\"Friends\"}}", "entry_malformed"),
        ("PUT", "/contacts/john", b"{\"a@x\":{\"subscription\":\"both\"}}", "entry_malformed"),
        ("PUT", "/contacts/john", too_long.as_bytes(), "entry_malformed"),
        ("PUT", "/contacts/john", many.as_bytes(), "too_many_entries"),
        ("PUT", "/contacts/john/a@x", b"", "json_malformed"),
        ("PUT", "/contacts/john/a@x", b"[]", "entry_malformed"),
        ("PUT", "/contacts/john/a@x", b"{\"name\":5}", "entry_malformed"),
        ("PUT", "/contacts/john/a@@x", b"{}", "path_malformed"),
        ("PUT", "/contacts/john/", b"{}", "path_malformed"),
        ("PUT", "/contacts/", b"{}", "path_malformed"),
        ("PUT", "/contacts/%00", b"{}", "path_malformed"),
        ("GET", "/contacts/", b"", "path_malformed"),
        ("GET", "/contacts/%0A", b"", "path_malformed"),
        ("DELETE", "/contacts/john/a%2Fb", b"", "path_malformed"),
        ("DELETE", "/contacts/john", b"", "method_not_allowed"),
        ("POST", "/contacts/john", b"{}", "method_not_allowed"),
        ("PATCH", "/contacts/john", b"{}", "method_not_allowed"),
        ("PUT", "/groups/Team", b"", "json_malformed"),
        ("PUT", "/groups/Team", b"5", "json_malformed"),
        ("PUT", "/groups/Team", b"[5]", "json_malformed"),
        ("PUT", "/groups/Team", b"[\"a b@x\"]", "entry_malformed"),
        ("PUT", "/groups/Team", b"[\"a@x\",\"b@y\"]", "member_domains"),
        ("PUT", "/groups/Team/a@x", b"{\"groups\":[]}", "entry_malformed"),
        ("PUT", "/groups/", b"[]", "path_malformed"),
    ];
    for (method, target, body, code) in cases {
        let answer = world.send(&request(method, target).body(body)).await;
        let status = if code == "method_not_allowed" { 405 } else { 400 };
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {target}");
    }
    let chunked =
        request("PUT", "/contacts/john").header("Transfer-Encoding", "chunked").raw_body(b"2\r\n[]\r\n0\r\n\r\n");
    assert_eq!(world.send(&chunked).await.code(), "json_malformed", "read whole, whatever its length");
    assert_eq!(roster(&world, "john").await, json!({"marie@x": {"name": "Marie"}}));
    assert_eq!(world.keys("").await, ["rosters/john"]);
    assert_eq!(world.send(&Request::new("GET", "/contacts")).await.status, 404);
    world.stop().await;
}
