//! One user, one roster: names are those that the XMPP server has for them, and what earlier versions kept under others is
//! found, changed and never lost.

use serde_json::{Value, json};

use crate::support::{
    Setup, World,
    prosody::Prosody,
    rosters::{delete, put, request, roster, store, with_json, world, world_over_s3},
};

/// Puts a roster where an earlier version kept it.
async fn keep(world: &World, key: &str, roster: Value) {
    let put = world.s3().put_object().bucket("satchel").key(key).body(roster.to_string().into_bytes().into());
    put.send().await.unwrap();
}

/// What fetching a roster costs in requests to S3, and the roster.
async fn fetched(world: &World, user: &str) -> (u64, Value) {
    let before = world.s3_requests();
    let roster = roster(world, user).await;
    (world.s3_requests() - before, roster)
}

#[tokio::test]
async fn a_roster_is_under_the_name_that_the_server_has_for_its_user() {
    let world = world(&[]).await;
    for (user, server) in [
        ("stra%C3%9Fe", "strasse"),
        ("%EF%AC%81", "fi"),
        ("%CE%BF%CE%B4%CE%BF%CF%82", "οδοσ"),
        ("%EF%BC%AA%EF%BC%AF", "jo"),
        ("%C2%B2", "2"),
        ("a%E2%80%8Cb", "ab"),
        ("%D0%9C%D0%B0%D0%B3%D3%80", "маг\u{4c0}"),
        ("%F0%9F%98%80", "😀"),
        ("%E1%BA%9E", "\u{1e9e}"),
    ] {
        store(&world, &format!("/contacts/{user}"), json!({"marie@x": {"name": server}})).await;
        for spelling in [server, user] {
            assert_eq!(roster(&world, spelling).await, json!({"marie@x": {"name": server}}), "{spelling}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn contacts_and_members_have_the_servers_spelling() {
    let world = world(&[]).await;
    store(&world, "/contacts/john/stra%C3%9Fe@example.org", json!({"name": "Straße"})).await;
    store(&world, "/contacts/john", json!({"straße@example.org": {"name": "S"}, "\u{fb01}@STRASSE.example": {}})).await;
    assert_eq!(roster(&world, "john").await, json!({"strasse@example.org": {"name": "S"}, "fi@strasse.example": {}}));
    let twice = put(&world, "/contacts/john", json!({"straße@x": {}, "strasse@x": {}})).await;
    assert_eq!((twice.status, twice.code().as_str()), (400, "entry_malformed"));
    assert_eq!(delete(&world, "/contacts/john/strasse@example.org").await.status, 204);
    store(&world, "/groups/Team", json!(["john@example.org", "οδος@example.org"])).await;
    assert_eq!(roster(&world, "οδοσ").await, json!({"john@example.org": {"groups": {"Team": true}}}));
    store(&world, "/contacts/john/ma%C3%9F@example.org?mutual=true", json!({})).await;
    assert_eq!(roster(&world, "mass").await, json!({"john@example.org": {}}));
    world.stop().await;
}

#[tokio::test]
async fn rosters_under_former_names_are_found_changed_and_never_lost() {
    let world = world(&[]).await;
    keep(&world, "rosters/stra%C3%9Fe", json!({"contacts": {"a@x": {"name": "A"}, "maß@x": {}}})).await;
    keep(&world, "rosters/stra%C5%BF%C5%BFe", json!({"contacts": {"b@x": {"groups": ["F"]}}})).await;
    keep(&world, "rosters/%D0%BC%D0%B0%D0%B3%D3%8F", json!({"contacts": {"a@x": {}}})).await;
    let both = json!({"a@x": {"name": "A"}, "b@x": {"groups": {"F": true}}, "mass@x": {}});
    for spelling in ["strasse", "stra%C3%9Fe", "STRASSE"] {
        assert_eq!(roster(&world, spelling).await, both, "{spelling}");
    }
    assert_eq!(roster(&world, "маг\u{4c0}").await, json!({"a@x": {}}));
    assert_eq!(delete(&world, "/contacts/strasse/b@x").await.status, 204);
    assert_eq!(roster(&world, "strasse").await, json!({"a@x": {"name": "A"}, "mass@x": {}}));
    for contact in ["a@x", "ma%C3%9F@x"] {
        assert_eq!(delete(&world, &format!("/contacts/stra%C3%9Fe/{contact}")).await.status, 204);
    }
    assert_eq!(roster(&world, "strasse").await, json!({}), "what was removed stays removed");
    assert!(world.keys("rosters/stra%C3%9Fe").await.len() == 1, "what was kept before is left alone");
    world.stop().await;
}

#[tokio::test]
async fn a_roster_under_the_servers_name_counts() {
    let world = world_over_s3().await;
    keep(&world, "rosters/stra%C3%9Fe", json!({"contacts": {"a@x": {}}})).await;
    keep(&world, "rosters/strasse", json!({"contacts": {"b@x": {}}})).await;
    assert_eq!(fetched(&world, "strasse").await, (1, json!({"b@x": {}})));
    store(&world, "/contacts/stra%C3%9Fe/c@x", json!({})).await;
    assert_eq!(roster(&world, "strasse").await, json!({"b@x": {}, "c@x": {}}));
    world.stop().await;
}

#[tokio::test]
async fn looking_for_former_names_costs_little() {
    let world = world_over_s3().await;
    keep(&world, "rosters/gro%C3%9F", json!({"contacts": {"a@x": {}}})).await;
    assert_eq!(fetched(&world, "unknown").await, (1, json!({})));
    assert_eq!(fetched(&world, "stefan").await, (4, json!({})), "the list is looked for, made and kept");
    assert_eq!(fetched(&world, "josé").await, (1, json!({})), "and known from then on");
    assert_eq!(fetched(&world, "gross").await, (2, json!({"a@x": {}})));
    store(&world, "/contacts/gross/b@x", json!({})).await;
    assert_eq!(fetched(&world, "gross").await, (1, json!({"a@x": {}, "b@x": {}})));
    let variables = vec![("SATCHEL_ROSTER_CREDENTIALS", "app:new pass".to_owned())];
    let world = world.restart_with(Setup { variables, ..Setup::default() }).await;
    assert_eq!(fetched(&world, "stefan").await, (2, json!({})), "the list is there");
    world.stop().await;
}

#[tokio::test]
async fn groups_friendships_and_refreshes_reach_rosters_under_former_names() {
    let mut prosody = Prosody::start().await;
    let world = world(&[("SATCHEL_PROSODY_REFRESH_URL", &prosody.url())]).await;
    let serving = tokio::spawn(async move {
        loop {
            prosody.next().await.done();
        }
    });
    let former = json!({"contacts": {"a@x": {"name": "A"}}, "changed": ["a@x"]});
    for key in ["rosters/ma%C3%9F", "rosters/gro%C3%9F", "rosters/wei%C3%9F"] {
        keep(&world, key, former.clone()).await;
    }
    keep(&world, "groups/Team", json!({"version": 1, "members": {"john@x": {}}, "leaving": ["maß"]})).await;
    store(&world, "/groups/Team", json!(["john@x", "groß@x"])).await;
    store(&world, "/contacts/john/wei%C3%9F@x?mutual=true", json!({})).await;
    assert_eq!(roster(&world, "mass").await, json!({"a@x": {"name": "A"}}));
    assert_eq!(roster(&world, "gross").await, json!({"a@x": {"name": "A"}, "john@x": {"groups": {"Team": true}}}));
    assert_eq!(roster(&world, "weiss").await, json!({"a@x": {"name": "A"}, "john@x": {}}));
    let refresh = with_json("POST", "/contacts/refresh?replace=true", &json!(["maß", "mass"]));
    assert_eq!(world.send(&refresh).await.status, 200);
    assert_eq!(roster(&world, "mass").await, json!({"a@x": {"name": "A"}}), "hidden and shown again");
    let etag = world.send(&request("GET", "/contacts/mass")).await.header("etag").unwrap().to_owned();
    let edit = with_json("PUT", "/contacts/ma%C3%9F/b@x", &json!({})).header("If-Match", etag);
    assert_eq!(world.send(&edit).await.status, 201);
    world.stop().await;
    serving.abort();
}
