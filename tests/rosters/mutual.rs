//! Edits with `mutual=true` at the same time: every request to S3 waits for its turn, and the turns are drawn.

use futures_util::future::join_all;
use satchel_core::config::FromEnvironment;
use satchel_roster_fetch::{RosterFetchConfig, State};
use satchel_telemetry::clock::Clock;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::fetching::rest;
use crate::support::{
    PlainS3, World, invoked,
    rosters::{delete, put, roster, store, world_at},
    turnstile::{Turn, Turnstile},
};

/// A function whose requests go through the turnstile: a process of its own, none waits for another in it.
fn state(world: &World, turnstile: &Turnstile) -> State {
    let lookup = |name: &str| match name {
        "SATCHEL_PUBLIC_URL" => None,
        name => Some(world.variable(name)),
    };
    State::new(
        RosterFetchConfig::parse(lookup).unwrap(),
        &world.sdk_by_way_of(&turnstile.address.to_string()),
        Clock::System,
    )
}

async fn edit(state: State, method: &'static str, path: String, body: Option<&'static str>) -> (u16, String) {
    let mut event = rest(method, &path, body);
    event["queryStringParameters"] = json!({"mutual": "true"});
    event["multiValueQueryStringParameters"] = json!({"mutual": ["true"]});
    let (head, body) = invoked(&event);
    let answer = satchel_roster_fetch::handle(&state, head, body).await;
    (answer.status().as_u16(), String::from_utf8(answer.response.into_body().to_vec()).unwrap())
}

/// Numbers that look drawn, and are the same every time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX generator; its upper bits are the better ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn turn(&mut self, faults: bool) -> Turn {
        match self.below(8) {
            0 | 1 if faults => Turn::Lost,
            2 if faults => Turn::AnswerLost,
            _ => Turn::Done,
        }
    }
}

type Edits = &'static [(&'static str, [&'static str; 2])];

const RACES: [Edits; 5] = [
    &[("PUT", ["a", "b"]), ("DELETE", ["a", "b"])],
    &[("PUT", ["a", "b"]), ("DELETE", ["b", "a"])],
    &[("PUT", ["a", "b"]), ("DELETE", ["a", "b"]), ("PUT", ["b", "a"])],
    &[("DELETE", ["a", "b"]), ("PUT", ["b", "a"]), ("DELETE", ["b", "a"])],
    &[("PUT", ["a", "b"]), ("DELETE", ["b", "a"]), ("DELETE", ["a", "b"]), ("PUT", ["b", "a"])],
];

fn path([user, contact]: [&str; 2], seed: usize) -> String {
    format!("/contacts/{user}{seed}/{contact}{seed}@x")
}

/// Whether each has the other.
async fn sides(world: &World, seed: usize) -> [bool; 2] {
    let [a, b] = [roster(world, &format!("a{seed}")).await, roster(world, &format!("b{seed}")).await];
    [a.get(format!("b{seed}@x")).is_some(), b.get(format!("a{seed}@x")).is_some()]
}

/// Runs the edits of one race, their requests to S3 in the order that is drawn; gives those that were answered, in that
/// order, with their statuses.
async fn run(world: &World, turnstile: &mut Turnstile, edits: Edits, seed: usize, faults: bool) -> Vec<(usize, u16)> {
    let mut running = JoinSet::new();
    for (number, (method, names)) in edits.iter().enumerate() {
        let body = (*method == "PUT").then_some("e30=");
        let edited = edit(state(world, turnstile), method, path(*names, seed), body);
        running.spawn(async move { (number, edited.await.0) });
    }
    let (mut draws, mut waiting, mut answered) = (Draws(seed as u64), Vec::new(), Vec::new());
    while !running.is_empty() {
        // Each has one request under way, or is about to send the next.
        if waiting.len() < running.len() {
            tokio::select! {
                arrived = turnstile.next() => waiting.push(arrived),
                Some(done) = running.join_next() => answered.push(done.unwrap()),
            }
        } else {
            waiting.swap_remove(draws.below(waiting.len())).go(draws.turn(faults));
        }
    }
    answered
}

/// As many at the same time: a race with faults mostly waits to try again.
const LANES: usize = 15;

async fn races(seeds: usize, faults: bool) {
    let healed: usize =
        join_all((0..LANES).map(|lane| races_of((lane..seeds).step_by(LANES), faults))).await.iter().sum();
    assert!(!faults || healed > 0, "faults that leave nothing apart test nothing");
}

/// The promise: where all were answered with a success, both sides agree; where they do not, somebody was told that it
/// failed, and repeating that request heals it. Gives how often it did.
async fn races_of(seeds: impl Iterator<Item = usize>, faults: bool) -> usize {
    let s3 = PlainS3::start().await;
    let world = world_at(s3.address()).await;
    let mut turnstile = Turnstile::before(s3.address()).await;
    let mut healed = 0;
    for seed in seeds {
        let edits = RACES[seed % RACES.len()];
        if seed / RACES.len() % 2 == 1 {
            store(&world, &format!("{}?mutual=true", path(["a", "b"], seed)), json!({})).await;
        }
        let answered = run(&world, &mut turnstile, edits, seed, faults).await;
        assert!(answered.iter().all(|(_, status)| [201, 204, 404, 503].contains(status)), "{seed}: {answered:?}");
        let failed = answered.iter().find(|(_, status)| *status == 503).map(|(number, _)| edits[*number]);
        assert!(faults || failed.is_none(), "{seed}: {answered:?}");
        let [one, other] = sides(&world, seed).await;
        if one == other {
            continue;
        }
        let (method, names) = failed.unwrap_or_else(|| panic!("{seed}: {answered:?} left {one} {other}"));
        let target = format!("{}?mutual=true", path(names, seed));
        let again = if method == "PUT" { put(&world, &target, json!({})).await } else { delete(&world, &target).await };
        assert!([201, 204].contains(&again.status), "{seed}: {again:?}");
        assert_eq!(sides(&world, seed).await, [method == "PUT"; 2], "{seed}");
        healed += 1;
    }
    turnstile.stop();
    world.stop().await;
    s3.stop().await;
    healed
}

#[tokio::test]
async fn both_sides_agree_whatever_the_order() {
    races(150, false).await;
}

#[tokio::test]
async fn what_a_failure_leaves_apart_is_told_and_healed_by_repeating() {
    races(150, true).await;
}

#[tokio::test]
async fn a_side_that_has_become_full_meanwhile_leaves_the_other_as_it_was() {
    let s3 = PlainS3::start().await;
    let world = world_at(s3.address()).await;
    let mut turnstile = Turnstile::before(s3.address()).await;
    let all: Map<String, Value> = (0..4_999).map(|number| (format!("u{number}@x"), json!({}))).collect();
    store(&world, "/contacts/b", Value::Object(all)).await;
    for before in [json!({}), json!({"b@x": {"name": "Bea"}})] {
        store(&world, "/contacts/a", before.clone()).await;
        let mut edited = tokio::spawn(edit(state(&world, &turnstile), "PUT", "/contacts/a/b@x".into(), Some("e30=")));
        // Its reading of b's roster, in which there is room; then reading and writing a's.
        for _ in 0..3 {
            turnstile.next().await.go(Turn::Done);
        }
        let last = turnstile.next().await;
        store(&world, "/contacts/b/last@x", json!({})).await;
        last.go(Turn::Done);
        let (status, said) = loop {
            tokio::select! {
                waiting = turnstile.next() => waiting.go(Turn::Done),
                answered = &mut edited => break answered.unwrap(),
            }
        };
        assert!(status == 409 && said.contains("roster_full") && said.contains("nothing was changed"), "{said}");
        let now = roster(&world, "a").await;
        assert_eq!(now, before, "as it was");
        assert_eq!(delete(&world, "/contacts/b/last@x").await.status, 204);
    }
    turnstile.stop();
    world.stop().await;
    s3.stop().await;
}

/// Nobody is told that an edit is unfinished who has asked for none.
#[tokio::test]
async fn a_store_that_hangs_is_unavailable() {
    let s3 = PlainS3::start().await;
    let world = world_at(s3.address()).await;
    let mut turnstile = Turnstile::before(s3.address()).await;
    let state = state(&world, &turnstile);
    let mut fetched = tokio::spawn(async move {
        let (head, body) = invoked(&rest("GET", "/contacts/john", None));
        satchel_roster_fetch::handle(&state, head, body).await
    });
    let mut unanswered = Vec::new();
    let answer = loop {
        tokio::select! {
            waiting = turnstile.next() => unanswered.push(waiting),
            answered = &mut fetched => break answered.unwrap(),
        }
    };
    let said = String::from_utf8(answer.response.body().as_ref().to_vec()).unwrap();
    assert!(answer.status() == 503 && said.contains("\"storage_unavailable\""), "{said}");
    assert!(answer.response.headers().contains_key("retry-after"));
    assert!(!unanswered.is_empty());
    turnstile.stop();
    world.stop().await;
    s3.stop().await;
}
