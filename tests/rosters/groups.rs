//! Shared groups: every member sees every other, and a break in the middle is mended by repeating.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    World,
    gated_s3::GatedS3,
    rosters::{delete, parsed, put, request, roster, store, with_json, world, world_at, world_over_s3},
};

async fn names(world: &World, user: &str) -> Vec<String> {
    roster(world, user).await.as_object().unwrap().keys().cloned().collect()
}

async fn group(world: &World, name: &str) -> Value {
    parsed(&world.send(&request("GET", &format!("/groups/{name}"))).await)
}

#[tokio::test]
async fn every_member_sees_every_other_with_the_groups_name() {
    let world = world(&[]).await;
    store(&world, "/contacts/a/friend@x", json!({"name": "Friend"})).await;
    store(&world, "/contacts/a/b@x", json!({"name": "My B", "groups": ["Friends"]})).await;
    let members = json!({"a@x": {"name": "A"}, "b@x": {"name": "B"}, "c@x": {}, "bot.x": {"name": "Bot"}});
    assert_eq!(put(&world, "/groups/My%20Team", members.clone()).await.status, 201);
    assert_eq!(group(&world, "My%20Team").await, members);
    let team = |name: &str| json!({"name": name, "groups": {"My Team": true}});
    let of_a = json!({
        "b@x": {"name": "My B", "groups": {"Friends": true, "My Team": true}},
        "bot.x": team("Bot"),
        "c@x": {"groups": {"My Team": true}},
        "friend@x": {"name": "Friend"},
    });
    assert_eq!(roster(&world, "a").await, of_a);
    assert_eq!(roster(&world, "c").await, json!({"a@x": team("A"), "b@x": team("B"), "bot.x": team("Bot")}));
    assert_eq!(roster(&world, "bot.x").await, json!({}), "hosts have no rosters");
    world.stop().await;
}

#[tokio::test]
async fn members_come_and_go() {
    let world = world(&[]).await;
    store(&world, "/groups/Team", json!(["a@x", "b@x"])).await;
    assert_eq!(put(&world, "/groups/Team/c@x", json!({"name": "C"})).await.status, 201);
    assert_eq!(put(&world, "/groups/Team/c@x", json!({"name": "Cee"})).await.status, 204);
    assert_eq!(roster(&world, "a").await["c@x"], json!({"name": "Cee", "groups": {"Team": true}}));
    assert_eq!(names(&world, "c").await, ["a@x", "b@x"]);
    assert_eq!(delete(&world, "/groups/Team/b@x").await.status, 204);
    assert_eq!((names(&world, "a").await, names(&world, "b").await), (vec!["c@x".to_owned()], vec![]));
    assert_eq!(delete(&world, "/groups/Team/b@x").await.code(), "member_not_found");
    let shared = delete(&world, "/contacts/a/c@x").await;
    assert_eq!((shared.status, shared.code().as_str()), (409, "contact_shared"));
    assert_eq!(put(&world, "/groups/Team", json!(["b@x", "c@x"])).await.status, 204);
    assert_eq!((names(&world, "a").await, names(&world, "b").await), (vec![], vec!["c@x".to_owned()]));
    assert_eq!(delete(&world, "/groups/Team").await.status, 204);
    for user in ["a", "b", "c"] {
        assert_eq!(roster(&world, user).await, json!({}), "{user}");
    }
    for (method, target) in [("GET", "/groups/Team"), ("DELETE", "/groups/Team"), ("DELETE", "/groups/Team/a@x")] {
        assert_eq!(world.send(&request(method, target)).await.code(), "group_not_found", "{method} {target}");
    }
    assert_eq!(put(&world, "/groups/Team", json!(["a@x", "c@x"])).await.status, 201, "once more");
    assert_eq!(names(&world, "a").await, ["c@x"]);
    world.stop().await;
}

#[tokio::test]
async fn putting_a_roster_leaves_shared_groups_alone() {
    let world = world_over_s3().await;
    store(&world, "/groups/Team", json!({"a@x": {}, "b@x": {"name": "B"}})).await;
    store(&world, "/contacts/a", json!({"own@x": {}})).await;
    let fetched = roster(&world, "a").await;
    assert_eq!(fetched, json!({"b@x": {"name": "B", "groups": {"Team": true}}, "own@x": {}}));
    let before = world.s3_requests();
    store(&world, "/contacts/a", fetched.clone()).await;
    assert_eq!(
        (roster(&world, "a").await, world.s3_requests()),
        (fetched, before + 2),
        "fetched and sent back: nothing new"
    );
    delete(&world, "/groups/Team").await;
    assert_eq!(names(&world, "a").await, ["own@x"], "what was shared did not become one's own");
    world.stop().await;
}

#[tokio::test]
async fn only_the_rosters_of_the_configured_domain_are_written() {
    let world = world(&[("SATCHEL_ROSTER_DOMAIN", "x")]).await;
    store(&world, "/groups/Team", json!(["a@x", "b@x", "a@elsewhere.example"])).await;
    assert_eq!(names(&world, "a").await, ["a@elsewhere.example", "b@x"]);
    assert_eq!(world.keys("").await, ["groups/Team", "rosters/a", "rosters/b"]);
    world.stop().await;
}

#[tokio::test]
async fn what_broke_midway_is_mended_by_repeating() {
    let s3 = GatedS3::start().await;
    let world = world_at(s3.address).await;
    store(&world, "/groups/Team", json!(["a@x", "b@x", "c@x"])).await;
    s3.fail(&["PUT /satchel/rosters/b", "PUT /satchel/rosters/c"]);
    let answer = put(&world, "/groups/Team", json!(["a@x", "b@x", "d@x"])).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "edit_incomplete"));
    let said = String::from_utf8(answer.body.clone()).unwrap();
    assert!(said.contains("b, c") || said.contains("c, b"), "{said}");
    assert_eq!(group(&world, "Team").await, json!({"a@x": {}, "b@x": {}, "d@x": {}}), "the group is as it should be");
    assert_eq!(names(&world, "c").await, ["a@x", "b@x"], "the rosters are not yet");
    s3.fail(&[]);
    assert_eq!(put(&world, "/groups/Team", json!(["a@x", "b@x", "d@x"])).await.status, 204);
    for (user, others) in
        [("a", vec!["b@x", "d@x"]), ("b", vec!["a@x", "d@x"]), ("c", vec![]), ("d", vec!["a@x", "b@x"])]
    {
        assert_eq!(names(&world, user).await, others, "{user}");
    }
    s3.fail(&["PUT /satchel/rosters/a"]);
    assert_eq!(delete(&world, "/groups/Team").await.code(), "edit_incomplete");
    s3.fail(&[]);
    assert_eq!(delete(&world, "/groups/Team").await.status, 204, "a deletion, too");
    assert_eq!(names(&world, "a").await, [] as [&str; 0]);
    assert_eq!(delete(&world, "/groups/Team").await.status, 404);
    s3.fail(&["PUT /satchel/groups/"]);
    assert_eq!(put(&world, "/groups/Team", json!(["a@x", "b@x"])).await.code(), "storage_unavailable");
    assert_eq!(names(&world, "a").await, [] as [&str; 0], "without the group no roster is written");
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn whoever_is_removed_by_another_edit_is_not_brought_back() {
    let s3 = GatedS3::start().await;
    let world = world_at(s3.address).await;
    s3.fail(&["PUT /satchel/rosters/b"]);
    assert_eq!(put(&world, "/groups/Team", json!(["a@x", "b@x"])).await.status, 503);
    s3.fail(&[]);
    assert_eq!(delete(&world, "/groups/Team/b@x").await.status, 204);
    assert_eq!(delete(&world, "/groups/Team/b@x").await.status, 404);
    assert_eq!((names(&world, "a").await, names(&world, "b").await), (vec![], vec![]));
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn simultaneous_edits_of_a_group_end_as_one_of_them() {
    let world = Arc::new(world(&[]).await);
    let mut edits = JoinSet::new();
    for number in 0..12 {
        let world = Arc::clone(&world);
        edits.spawn(async move {
            let target = format!("/groups/Team/u{}@x", number % 6);
            let answer = match number % 3 {
                0 => delete(&world, &target).await,
                _ => put(&world, &target, json!({})).await,
            };
            assert!(matches!(answer.status, 201 | 204 | 404), "{answer:?}");
        });
    }
    edits.join_all().await;
    let members: Vec<String> = group(&world, "Team").await.as_object().unwrap().keys().cloned().collect();
    for user in 0..6 {
        let own = format!("u{user}@x");
        let seen = names(&world, &format!("u{user}")).await;
        let expected: Vec<_> = members.iter().filter(|member| **member != own).cloned().collect();
        let expected = if members.contains(&own) { expected } else { Vec::new() };
        assert_eq!(seen, expected, "{own} of {members:?}");
    }
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test]
async fn a_member_without_room_is_named() {
    let world = world(&[]).await;
    let name = "x".repeat(1_000);
    let large: serde_json::Map<String, Value> =
        (0..2_900).map(|number| (format!("u{number}@x"), json!({"name": name}))).collect();
    store(&world, "/contacts/full", Value::Object(large)).await;
    let members: Vec<String> = (0..60).map(|number| format!("{}{number}@x", "m".repeat(1_000))).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).chain(["full@x"]).collect();
    let answer = put(&world, "/groups/Team", json!(members)).await;
    let said = String::from_utf8(answer.body.clone()).unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (409, "roster_full"), "{said}");
    assert!(said.contains(": full;"), "{said}");
    world.stop().await;
}

#[tokio::test]
async fn conditions_are_kept_to_for_groups() {
    let world = world(&[]).await;
    let team = |members: Value| with_json("PUT", "/groups/Team", &members);
    assert_eq!(world.send(&team(json!(["a@x"])).header("If-Match", "*")).await.status, 412);
    let first = world.send(&team(json!(["a@x"])).header("If-None-Match", "*")).await;
    assert_eq!(first.status, 201);
    assert_eq!(world.send(&team(json!(["b@x"])).header("If-None-Match", "*")).await.code(), "precondition_failed");
    let etag = first.header("etag").unwrap();
    let known = world.send(&request("GET", "/groups/Team").header("If-None-Match", etag)).await;
    assert_eq!(known.status, 304);
    assert_eq!(world.send(&team(json!(["b@x"])).header("If-Match", etag)).await.status, 204);
    assert_eq!(world.send(&team(json!(["c@x"])).header("If-Match", etag)).await.status, 412);
    assert_eq!(group(&world, "Team").await, json!({"b@x": {}}));
    world.stop().await;
}
