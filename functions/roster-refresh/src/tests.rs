//! A Prosody that is slow, that fails, that answers nonsense. The time stands still but for what is waited for.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::header::AUTHORIZATION;
use satchel_core::config::FromEnvironment;
use satchel_telemetry::clock::Clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;
use crate::RosterRefreshConfig;

const CREDENTIALS: &str = "app:secret";

/// Answers each request with the next line of its script, the last one over and over; an empty one is no answer.
struct Prosody {
    url: String,
    requests: Arc<Mutex<usize>>,
    served: JoinHandle<()>,
}

impl Prosody {
    async fn start(script: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/roster_admin/refresh", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(0));
        let (counted, mut script) =
            (Arc::clone(&requests), script.iter().map(|&s| s.to_owned()).collect::<VecDeque<_>>());
        let served = tokio::spawn(async move {
            let mut unanswered = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                *counted.lock().unwrap() += 1;
                let response = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
                match response.filter(|response| !response.is_empty()) {
                    Some(response) => drop(stream.write_all(response.as_bytes()).await),
                    None => unanswered.push(stream),
                }
            }
        });
        Self { url, requests, served }
    }

    fn requests(&self) -> usize {
        *self.requests.lock().unwrap()
    }

    fn state(&self) -> State {
        let lookup = |name: &str| match name {
            "SATCHEL_ROSTER_CREDENTIALS" => Some(CREDENTIALS.to_owned()),
            "SATCHEL_PROSODY_REFRESH_URL" => Some(self.url.clone()),
            _ => None,
        };
        State::on(None, RosterRefreshConfig::parse(lookup).unwrap(), Clock::System)
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        self.served.abort();
    }
}

fn response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn done(updated: usize) -> String {
    response("200 OK", &format!(r#"{{"status":"ok","message":"m","updated":{updated},"errors":0}}"#))
}

fn head(method: Method, path: &str) -> RawHead {
    let mut head = RawHead { method, path: path.to_owned(), ..RawHead::default() };
    let authorization = format!("Basic {}", BASE64_STANDARD.encode(CREDENTIALS));
    head.headers.insert(AUTHORIZATION, authorization.parse().unwrap());
    head
}

async fn post(state: &State, path: &str, body: &str) -> (u16, Value) {
    let answer = handle(state, head(Method::POST, path), Bytes::copy_from_slice(body.as_bytes())).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.response.body()).unwrap())
}

async fn refresh(prosody: &Prosody, usernames: &[String]) -> (u16, Value) {
    post(&prosody.state(), "/contacts/refresh", &json!(usernames).to_string()).await
}

fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("user{number}")).collect()
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again() {
    let (busy, reset) = (response("503 Busy", ""), "HTTP/1.1 ".to_owned());
    for script in [[busy.as_str(), &busy, &done(1)], [&reset, "", &done(1)]] {
        let prosody = Prosody::start(&script).await;
        let (status, report) = refresh(&prosody, &users(1)).await;
        assert_eq!((status, &report["updated"], prosody.requests()), (200, &json!(1), 3), "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_are_answered_in_prosodys_shape() {
    for (script, status, requests, part) in [
        (response("503 Busy", ""), 502, 3, "503"),
        (response("404 Not Found", ""), 502, 1, "404"),
        (response("302 Found", ""), 502, 1, "302"),
        (response("200 OK", "<html>"), 502, 1, "not mod_http_roster_admin's"),
        (response("200 OK", ""), 502, 1, "not mod_http_roster_admin's"),
        (response("200 OK", r#"{"status":"ok"}"#), 502, 1, "not mod_http_roster_admin's"),
        ("nonsense\r\n\r\n".to_owned(), 502, 3, "not reachable"),
        (response("200 OK", &"x".repeat(5_000_000)), 502, 3, "not reachable"),
        (String::new(), 504, 3, "did not answer in time"),
    ] {
        let prosody = Prosody::start(&[&script]).await;
        let (answered, report) = refresh(&prosody, &users(2)).await;
        assert_eq!((answered, prosody.requests()), (status, requests), "{report}");
        assert_eq!((&report["status"], &report["updated"], &report["errors"]), (&json!("error"), &json!(0), &json!(2)));
        assert!(report["message"].as_str().unwrap().contains(part), "{report}");
        assert_eq!(report.as_object().unwrap().len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_says_how_far_it_got() {
    let (first, failing) = (done(50), response("500 Broken", ""));
    let prosody = Prosody::start(&[&first, &failing]).await;
    let (status, report) = refresh(&prosody, &users(120)).await;
    assert_eq!((status, &report["updated"], &report["errors"]), (502, &json!(50), &json!(70)), "{report}");
    assert!(report["message"].as_str().unwrap().contains("50 of 120"), "{report}");
    assert_eq!(prosody.requests(), 4, "what comes after the batch that failed is not tried");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_ends_before_api_gateway_gives_up() {
    let prosody = Prosody::start(&[""]).await;
    let begun = Instant::now();
    assert_eq!(refresh(&prosody, &users(500)).await.0, 504);
    assert!(begun.elapsed() <= DEADLINE + Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_prosody_cannot_be_told_of_is_delivered_again() {
    let event = |key: &str| json!({"detail-type": "Object Created", "detail": {"bucket": {"name": "b"}, "object": {"key": key}}});
    let prosody = Prosody::start(&[&done(1)]).await;
    let told = handle_event(&prosody.state(), event("rosters/tr%C3%A8s")).await.unwrap();
    assert_eq!(told, json!({"usernames": 1, "updated": 1, "errors": 0}));
    for foreign in ["uploads/a", "rosters/", "rosters/%zz", "groups/Team"] {
        assert_eq!(handle_event(&prosody.state(), event(foreign)).await.unwrap()["usernames"], 0, "{foreign}");
    }
    assert_eq!(prosody.requests(), 1, "of nobody Prosody is told nothing");
    let failing = Prosody::start(&[&response("404 Not Found", "")]).await;
    let error = handle_event(&failing.state(), event("rosters/john")).await.unwrap_err();
    assert!(error.to_string().contains("prosody_refused"), "{error}");
    assert!(handle_event(&prosody.state(), json!({"nonsense": 1})).await.is_err());
}

#[tokio::test]
async fn an_event_of_many_records_is_folded() {
    let prosody = Prosody::start(&[&done(2)]).await;
    let record =
        |key: &str| json!({"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}});
    let records = json!({"Records": [record("rosters/john"), record("rosters/marie"), record("rosters/john")]});
    assert_eq!(handle_event(&prosody.state(), records).await.unwrap()["usernames"], 2);
    assert_eq!(prosody.requests(), 1);
}

#[tokio::test]
async fn without_a_bucket_nothing_can_be_replaced() {
    let prosody = Prosody::start(&[&done(1)]).await;
    let (status, problem) = post(&prosody.state(), "/contacts/refresh?replace=true", "[\"john\"]").await;
    assert_eq!((status, &problem["code"]), (404, &json!("no_such_address")), "the query is no part of a raw path");
    let mut head = head(Method::POST, "/prod/contacts/refresh");
    head.query = vec![("replace".into(), "true".into())];
    let answer = handle(&prosody.state(), head, Bytes::from_static(b"[\"john\"]")).await;
    assert_eq!(answer.status(), StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test]
async fn only_post_is_taken_and_preflights_are_answered() {
    let prosody = Prosody::start(&[&done(1)]).await;
    for (method, status) in [("OPTIONS", 204), ("GET", 405), ("PUT", 405)] {
        let head = head(method.parse().unwrap(), "/contacts/refresh");
        assert_eq!(handle(&prosody.state(), head, Bytes::new()).await.status().as_u16(), status, "{method}");
    }
}
