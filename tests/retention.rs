//! How long a file is kept, from its upload to its end, in the stack as a whole.

use std::time::{SystemTime, UNIX_EPOCH};

use satchel_expire::report::Tally;
use serde_json::json;

use crate::support::{
    Answer, BUCKET, PlainS3, Request, Setup, World, elsewhere, follow_with,
    gated_s3::GatedS3,
    shelf::{DAY, HOUR, NOW, entry},
    tokens::{self, bearer, claims},
};

async fn world_at(now: u64, extra: &[(&'static str, &str)]) -> World {
    let variables = extra.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    World::with(Setup { s3: true, variables, now: Some(now), ..Setup::default() }).await
}

/// Uploads a file whose token says when it expires.
async fn upload(world: &World, name: &str, now: u64, expires: u64) -> Answer {
    let mut claims = claims("slot", name, 5, "text/plain", now + 300);
    claims["expires"] = json!(expires);
    let put = Request::new("PUT", &tokens::target(&format!("slot/{name}"))).header("Authorization", bearer(&claims));
    world.send(&put.body(b"hello")).await
}

#[tokio::test]
async fn an_upload_that_expires_before_its_rule_is_noted_and_costs_a_second_request() {
    let s3 = PlainS3::start().await;
    let variables = vec![("SATCHEL_RETENTION_DAYS", "30".to_owned())];
    let world = s3.world_with(Setup { variables, now: Some(NOW), strict_aws: true, ..Setup::default() }).await;
    let month = 30 * DAY;
    for (name, expires, requests) in [
        ("soon", NOW + 100, 2),
        ("an hour and a second before the rule", NOW + month - HOUR - 1, 2),
        ("an hour before the rule", NOW + month - HOUR, 1),
        ("with the rule", NOW + month, 1),
        ("later", NOW + 2 * month, 1),
    ] {
        let before = s3.requests();
        assert_eq!(upload(&world, name, NOW, expires).await.status, 201, "{name}");
        assert_eq!(s3.requests() - before, requests, "{name}");
        let key = entry(expires, &format!("uploads/slot/{name}"));
        assert_eq!(world.keys("expiry/").await.contains(&key), requests == 2, "{name}");
    }
    let before = s3.requests();
    world.store("u/v1", b"hello").await;
    assert_eq!(s3.requests() - before, 1, "the rule is enough for a token without expiry");
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn an_upload_into_the_folder_is_noted_with_it() {
    let world = world_at(NOW, &[]).await;
    for (name, expires, noted) in [("soon", NOW + 100, true), ("with the rule", NOW + 30 * DAY, false)] {
        assert_eq!(upload(&world, name, NOW, expires).await.status, 201, "{name}");
        let key = entry(expires, &format!("uploads/slot/{name}"));
        assert_eq!(world.keys("expiry/").await.contains(&key), noted, "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn an_upload_that_was_sealed_is_noted_as_well() {
    // The signatures are checked by the machine's clock.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let s3 = PlainS3::start().await;
    let world = s3.world(vec![("SATCHEL_RETENTION_DAYS", "30".into())]).await;
    let mut claims = claims("slot", "large", 5, "text/plain", now + 300);
    claims["expires"] = json!(now + DAY);
    let put = Request::new("PUT", "/upload/slot/large").header("Authorization", bearer(&claims));
    let redirect = world.send(&put.header("X-Upload-Length", "5")).await;
    assert_eq!(follow_with(&redirect, "PUT", &[], b"hello").await.status, 200);
    assert_eq!(world.keys("expiry/").await, [] as [&str; 0], "nothing is sealed yet");
    assert_eq!(world.fetch("/upload/slot/large").await.body, b"hello");
    assert_eq!(world.keys("").await, [entry(now + DAY, "uploads/slot/large").as_str(), "uploads/slot/large"]);
    world.stop().await;
    s3.stop().await;
}

/// The rule will delete the file, so the upload is none the worse; whoever runs Satchel is told all the same.
#[tokio::test]
async fn an_upload_without_its_entry_has_a_line_that_says_so() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let s3 = GatedS3::start().await;
    s3.fail(&["PUT /satchel/expiry/"]);
    let mut variables = elsewhere(&s3.address.to_string());
    variables.push(("SATCHEL_RETENTION_DAYS", "30".into()));
    let world = World::with(Setup { variables, ..Setup::default() }).await;
    assert_eq!(upload(&world, "a", now, now + DAY).await.status, 201);
    let line = world.lines.of_function("storage").await;
    assert_eq!((&line["level"], &line["code"]), (&json!("WARN"), &json!("entry_missing")), "{line}");
    assert!(line["reason"].as_str().unwrap().contains("no entry in the index of expiries"), "{line}");
    let page = String::from_utf8(world.get("/_satchel/").await.body).unwrap();
    assert!(page.contains("entry_missing"), "{page}");
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn without_a_rule_every_expiry_is_noted() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(upload(&world, "a", now, now + 1_000 * DAY).await.status, 201);
    assert_eq!(world.keys("expiry/").await, [entry(now + 1_000 * DAY, "uploads/slot/a")]);
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn a_file_is_refused_from_the_second_of_its_expiry_and_deleted_by_the_next_run() {
    let world = world_at(NOW, &[]).await;
    let expires = NOW + 100;
    assert_eq!(upload(&world, "a", NOW, expires).await.status, 201);
    for (at, status) in [(expires - 1, 200), (expires, 410), (expires + 1, 410)] {
        world.set_clock(at);
        assert_eq!(world.get("/upload/slot/a").await.status, status, "{at}");
        assert_eq!(world.keys("uploads/").await.len(), 1, "nothing has been deleted yet");
    }
    world.set_clock(expires - 1);
    assert_eq!(world.stack.housekeeper().once().await.unwrap().expired, Tally::default());
    world.set_clock(expires);
    let summary = world.stack.housekeeper().once().await.unwrap();
    assert_eq!(summary.expired, Tally { objects: 1, bytes: 5 });
    let line = world.lines.all().into_iter().rfind(|line| line["function"] == "expire").unwrap();
    assert_eq!((&line["expired_objects"], &line["expired_bytes"]), (&json!(1), &json!(5)), "{line}");
    assert_eq!(world.get("/upload/slot/a").await.status, 404);
    let left = world.keys("").await;
    assert!(left.len() == 2 && left.iter().all(|key| key.starts_with("reports/")), "{left:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_path_that_is_deleted_and_uploaded_again_keeps_its_new_file() {
    let delete_secret = ("SATCHEL_METRONOME_DELETE_SECRET", "deletes things");
    let world = world_at(NOW, &[delete_secret]).await;
    assert_eq!(upload(&world, "a", NOW, NOW + 100).await.status, 201);
    let delete = tokens::metronome_delete("slot/a", delete_secret.1);
    assert_eq!(world.send(&Request::new("DELETE", &delete)).await.status, 204);
    world.store("slot/a", b"again").await;
    world.set_clock(NOW + DAY);
    let summary = world.stack.housekeeper().once().await.unwrap();
    assert_eq!((summary.expired.objects, summary.stale_entries, summary.errors), (0, 1, 0));
    assert_eq!(world.get("/upload/slot/a").await.status, 200);
    assert_eq!(world.keys("expiry/").await, [] as [&str; 0]);
    world.stop().await;
}

#[tokio::test]
async fn a_put_that_lost_its_path_does_not_shorten_the_winners_life() {
    let world = world_at(NOW, &[]).await;
    world.store("slot/a", b"first").await;
    assert_eq!(upload(&world, "a", NOW, NOW + 100).await.status, 409);
    world.set_clock(NOW + DAY);
    assert_eq!(world.stack.housekeeper().once().await.unwrap().expired, Tally::default());
    assert_eq!(world.get("/upload/slot/a").await.status, 200);
    world.stop().await;
}

#[tokio::test]
async fn the_stack_follows_the_templates_rules() {
    // Eight o'clock: days end at the midnight after.
    let midnight = NOW - 8 * HOUR;
    let world = world_at(NOW, &[("SATCHEL_PROFILE_RETENTION_DAYS", "40")]).await;
    let expiring = [
        (2, vec!["incoming/u/a", "resuming/a"]),
        (8, vec!["uploads-ephemeral/u.ephemeral/a"]),
        (31, vec!["uploads/u/a"]),
        (41, vec!["uploads-profile/u.profile/a"]),
        (366, vec!["reports/2027-01-15/a.jsonl"]),
    ];
    let kept = ["uploads-permanent/u.permanent/a", "rosters/romeo"];
    for key in expiring.iter().flat_map(|(_, keys)| keys).chain(&kept) {
        world.s3().put_object().bucket(BUCKET).key(*key).body(b"hello".to_vec().into()).send().await.unwrap();
    }
    for (days, keys) in expiring {
        for (at, there) in [(midnight + days * DAY - 1, true), (midnight + days * DAY, false)] {
            world.set_clock(at);
            // Without `expire`, which would take what is abandoned.
            world.stack.housekeeper().apply_lifecycle().await.unwrap();
            for key in &keys {
                assert_eq!(!world.keys(key).await.is_empty(), there, "{key} {at}");
            }
        }
    }
    world.set_clock(NOW + 36_500 * DAY);
    world.stack.housekeeper().apply_lifecycle().await.unwrap();
    assert_eq!(world.keys("").await, ["rosters/romeo", "uploads-permanent/u.permanent/a"]);
    let rules = world.s3().get_bucket_lifecycle_configuration().bucket(BUCKET).send().await.unwrap();
    assert!(rules.rules().iter().any(|rule| rule.id() == Some("uploads")));
    world.stop().await;
}

#[tokio::test]
async fn a_token_without_expiry_is_kept_as_long_as_the_stacks_rule() {
    for (variable, days) in [(None, 30), (Some("2"), 2)] {
        let extra: Vec<_> = variable.map(|days| ("SATCHEL_RETENTION_DAYS", days)).into_iter().collect();
        let world = world_at(NOW, &extra).await;
        world.store("u/a", b"hello").await;
        let end = NOW + days * DAY;
        for (at, status) in [(end - 1, 200), (end, 410)] {
            world.set_clock(at);
            assert_eq!(world.get("/upload/u/a").await.status, status, "{variable:?}");
        }
        world.set_clock(end + DAY);
        world.stack.housekeeper().once().await.unwrap();
        assert_eq!(world.get("/upload/u/a").await.status, 404, "{variable:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn the_total_limit_is_a_setting_of_the_stack() {
    let world = world_at(NOW, &[("SATCHEL_MAX_TOTAL_BYTES", "10")]).await;
    for (at, path) in [(NOW, "u/a"), (NOW + 1, "u/b"), (NOW + 2, "u/c")] {
        world.set_clock(at);
        world.store(path, b"hello").await;
    }
    let summary = world.stack.housekeeper().once().await.unwrap();
    assert_eq!(summary.over_limit, Tally { objects: 1, bytes: 5 });
    assert_eq!(world.keys("uploads/").await, ["uploads/u/b", "uploads/u/c"]);
    world.stop().await;
}
