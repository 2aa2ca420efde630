//! An app that owns its users' rosters, and a program that keeps them.

use std::net::SocketAddr;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::{
    client::{Answer, Request},
    plain_s3::elsewhere,
    world::{Setup, World},
};

const CREDENTIALS: &str = "app:new pass\nprosody:pass";

/// A stack that keeps rosters.
pub async fn world(extra: &[(&'static str, &str)]) -> World {
    with(extra.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()).await
}

/// The same over an S3 whose requests are counted.
pub async fn world_over_s3() -> World {
    let variables = vec![("SATCHEL_ROSTER_CREDENTIALS", CREDENTIALS.to_owned())];
    World::over_s3(Setup { variables, ..Setup::default() }).await
}

/// The same on another S3.
pub async fn world_at(s3: SocketAddr) -> World {
    with(elsewhere(&s3.to_string())).await
}

async fn with(mut variables: Vec<(&'static str, String)>) -> World {
    variables.push(("SATCHEL_ROSTER_CREDENTIALS", CREDENTIALS.to_owned()));
    World::with(Setup { variables, s3: true, ..Setup::default() }).await
}

/// A request with the app's credentials.
pub fn request(method: &str, target: &str) -> Request {
    Request::new(method, target).header("Authorization", basic("app:new pass"))
}

pub fn basic(pair: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

/// A request of the app's with a body.
pub fn with_json(method: &str, target: &str, body: &Value) -> Request {
    request(method, target).body(body.to_string().as_bytes())
}

pub async fn put(world: &World, target: &str, body: Value) -> Answer {
    world.send(&with_json("PUT", target, &body)).await
}

pub async fn delete(world: &World, target: &str) -> Answer {
    world.send(&request("DELETE", target)).await
}

/// A PUT that is expected to change what is there, or to put something there.
pub async fn store(world: &World, target: &str, body: Value) {
    let answer = put(world, target, body).await;
    assert!(matches!(answer.status, 201 | 204), "{target}: {answer:?}");
}

pub fn parsed(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// A roster as Prosody fetches it.
pub async fn roster(world: &World, user: &str) -> Value {
    parsed(&world.send(&request("GET", &format!("/contacts/{user}"))).await)
}
