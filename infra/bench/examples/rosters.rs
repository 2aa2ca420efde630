//! Fetches a roster of 5,000 contacts from the program over and over: S3 requests and milliseconds for each fetch.
//! `cargo run --release -p satchel-bench --example rosters`; exit code 1 where a fetch takes 10 ms or longer.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Method, header::AUTHORIZATION};
use satchel::{
    journal::Sink,
    settings::Settings,
    stack::{Options, Stack},
};
use satchel_aws::{sdk, storage::PATIENCE};
use satchel_core::{config::FromEnvironment, head::RawHead};
use satchel_listener::Address;
use satchel_roster_fetch::{RosterFetchConfig, State, handle};
use satchel_telemetry::clock::Clock;
use serde_json::{Map, Value, json};

const CREDENTIALS: &str = "app:benchmark";
const CONTACTS: usize = 5_000;
const FETCHES: usize = 500;
/// What the median may take, of a handler with its one S3 request.
const BUDGET: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lookup = |name: &str| (name == "SATCHEL_ROSTER_CREDENTIALS").then(|| CREDENTIALS.to_owned());
    let settings = Settings::load(folder.path(), lookup).expect("settings");
    let stack = Stack::start(Options {
        listen: Address::Tcp(([127, 0, 0, 1], 0).into()),
        s3_listen: Some(([127, 0, 0, 1], 0).into()),
        data: folder.path().to_owned(),
        strict_aws: false,
        expire_every: None,
        settings: settings.clone(),
        clock: Clock::System,
        check: None,
        s3_patience: PATIENCE,
        log: Sink::new(|_| {}),
    })
    .await
    .expect("the program");
    let state = state(&settings, &stack);
    assert_eq!(handle(&state, head(Method::PUT), roster().to_string().into()).await.status(), 201);
    let median = measured(&state, &stack).await;
    stack.stop().await;
    if median < BUDGET { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn state(settings: &Settings, stack: &Stack) -> State {
    let endpoint = stack.s3_address().map(|address| format!("http://{address}"));
    let config = RosterFetchConfig::parse(|name| settings.given(name)).expect("the function's configuration");
    let sdk = sdk::of_known(settings.get("AWS_REGION"), settings.credentials(), endpoint.as_deref());
    State::new(config, &sdk, Clock::System)
}

fn roster() -> Value {
    let contact = |number| {
        let groups = ["Friends", "Work", "Family"][number % 3];
        (
            format!("contact.number{number}@example.org"),
            json!({"name": format!("Contact {number}"), "groups": [groups]}),
        )
    };
    Value::Object((0..CONTACTS).map(contact).collect::<Map<_, _>>())
}

fn head(method: Method) -> RawHead {
    let authorization = format!("Basic {}", BASE64_STANDARD.encode(CREDENTIALS));
    let mut head = RawHead { method, path: "/contacts/john".to_owned(), ..RawHead::default() };
    head.headers.insert(AUTHORIZATION, authorization.parse().expect("a header"));
    head
}

async fn measured(state: &State, stack: &Stack) -> Duration {
    let requests = || stack.s3_requests().map_or(0, |requests| requests.total());
    let (mut times, before, mut bytes) = (Vec::with_capacity(FETCHES), requests(), 0);
    for _ in 0..FETCHES {
        let begun = Instant::now();
        let answer = handle(state, head(Method::GET), Bytes::new()).await;
        times.push(begun.elapsed());
        bytes = answer.response.body().len();
        assert_eq!(answer.status(), 200);
    }
    times.sort_unstable();
    let per_fetch = (requests() - before) as f64 / FETCHES as f64;
    let (median, slow) = (times[FETCHES / 2], times[FETCHES * 99 / 100]);
    println!(
        "{CONTACTS} contacts, {bytes} bytes, {per_fetch} S3 request(s) a fetch: median {median:?}, 99th percentile {slow:?}"
    );
    median
}
