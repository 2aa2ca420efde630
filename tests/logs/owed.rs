//! The fields that a line owes, and those that it has.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::support::{emf, tokens};

/// What every line has, and what those of requests have besides.
const EVERY: [&str; 6] = ["code", "cold_start", "duration_ms", "function", "level", "request_id"];
const REQUESTS: [&str; 3] = ["client", "method", "status"];

/// The fields of a line, without its metrics.
pub fn fields(line: &Value) -> Vec<&str> {
    let metrics = emf::metrics(line);
    let is_metric = |name: &str| name == "_aws" || metrics.iter().any(|(metric, _)| metric == name);
    line.as_object().unwrap().keys().map(String::as_str).filter(|name| !is_metric(name)).collect()
}

/// What a line owes that has fields of its own, in the order of [`fields`].
pub fn owed(of_requests: bool, own: &[&'static str]) -> Vec<&'static str> {
    let common = if of_requests { &REQUESTS[..] } else { &[] };
    let mut names: Vec<&str> = [&EVERY[..], &["timestamp"], common, own].concat();
    names.sort_unstable();
    names
}

/// The line of the one request there was. S3's events have their own.
pub fn the_one(lines: Vec<Value>) -> Value {
    let mut lines: Vec<Value> = lines.into_iter().filter(|line| line["function"] != "seal").collect();
    assert_eq!(lines.len(), 1, "one line for a request: {lines:#?}");
    lines.remove(0)
}

/// A token that is good now.
pub fn bearer(slot: &str, size: usize) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    tokens::bearer(&tokens::claims(slot, "a.txt", size, "text/plain", now + 300))
}
