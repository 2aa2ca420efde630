//! One request or event, once it is over: the one record that log lines, metrics and the status page are made of. Tokens,
//! presigned URLs, bodies and JIDs never get here.

use std::{borrow::Cow, time::Duration};

use http::{Method, StatusCode};
use satchel_core::{date_time, time::Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    emf,
    level::Level,
    metrics::{self, Measure},
};

/// What a function has noted, under its name.
pub type Field = (Cow<'static, str>, Value);

/// The field that says what has failed.
pub const CAUSE: &str = "cause";
/// The field that says why a request was refused.
pub const REASON: &str = "reason";

/// One request or event.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it ended, in milliseconds since 1970.
    pub at: u64,
    /// How serious it is.
    pub level: Level,
    /// The function, or the part of the program, that answered.
    pub function: &'static str,
    /// Lambda's id of it, or else API Gateway's.
    pub request_id: String,
    /// Whether it was the first of its function's process.
    pub cold_start: bool,
    /// The HTTP method; `None` for events.
    pub method: Option<Method>,
    /// The answer's status; `None` for events.
    pub status: Option<StatusCode>,
    /// The stable outcome code.
    pub code: &'static str,
    /// How long it took.
    pub duration: Duration,
    /// What the function has noted, in its order.
    pub fields: Vec<Field>,
}

impl Line {
    /// What the function has noted under a name.
    #[must_use]
    pub fn noted(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Whether it was refused, or has failed.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.level >= Level::Warn
    }

    /// What it adds to each metric.
    pub fn measures(&self) -> impl Iterator<Item = Measure> {
        metrics::measures(self)
    }

    /// One JSON object, without a line feed. With a namespace CloudWatch reads metrics from it.
    #[must_use]
    pub fn to_json(&self, namespace: Option<&str>) -> String {
        let mut members = self.members();
        if let Some(namespace) = namespace {
            let measures: Vec<Measure> = self.measures().collect();
            emf::annotate(&mut members, &measures, namespace, self.at);
        }
        // Not by way of Display, which takes three times as long.
        serde_json::to_string(&members).unwrap_or_else(|error| unreachable!("names are text: {error}"))
    }

    /// Fields come first, so that none takes the place of what every line has.
    fn members(&self) -> Map<String, Value> {
        let fields = self.fields.iter().map(|(name, value)| (name.clone().into_owned(), value.clone()));
        let mut members: Map<String, Value> = fields.collect();
        let mut set = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
        set("timestamp", timestamp(self.at).into());
        set("level", self.level.as_str().into());
        set("function", self.function.into());
        set("request_id", self.request_id.as_str().into());
        set("cold_start", self.cold_start.into());
        set("code", self.code.into());
        set("duration_ms", milliseconds(self.duration).into());
        if let (Some(method), Some(status)) = (&self.method, self.status) {
            set("method", method.as_str().into());
            set("status", status.as_u16().into());
        }
        members
    }
}

/// The line of a function that cannot start, or has to end, at a time in milliseconds since 1970.
#[must_use]
pub fn fatal(function: &str, code: &str, reason: &str, at: u64) -> String {
    let (timestamp, level) = (timestamp(at), Level::Fatal.as_str());
    json!({"timestamp": timestamp, "level": level, "function": function, "code": code, REASON: reason}).to_string()
}

/// RFC 3339 with milliseconds, of milliseconds since 1970. Lambda takes a line without a valid one for INFO, whatever its
/// level (AWS: "Log-level filtering").
#[must_use]
pub fn timestamp(at: u64) -> String {
    let to_the_second = date_time::format(Timestamp::from_seconds(at / 1_000));
    format!("{}.{:03}Z", to_the_second.trim_end_matches('Z'), at % 1_000)
}

/// To the microsecond.
#[must_use]
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fields: Vec<Field>) -> Line {
        Line {
            at: 1_700_000_000_007,
            level: Level::Info,
            function: "upload",
            request_id: "7bed".into(),
            cold_start: true,
            method: Some(Method::PUT),
            status: Some(StatusCode::CREATED),
            code: "stored",
            duration: Duration::from_nanos(1_234_567),
            fields,
        }
    }

    #[test]
    fn a_line_is_one_object_with_the_fields_beside_what_every_line_has() {
        let json = line(vec![("size_bytes".into(), json!(5)), ("name".into(), json!("two\nlines"))]).to_json(None);
        let expected = json!({
            "timestamp": "2023-11-14T22:13:20.007Z", "level": "INFO", "function": "upload", "request_id": "7bed",
            "cold_start": true, "method": "PUT", "status": 201, "code": "stored", "duration_ms": 1.235,
            "size_bytes": 5, "name": "two\nlines",
        });
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), expected);
        assert_eq!(json.lines().count(), 1);
    }

    #[test]
    fn a_field_never_takes_the_place_of_what_every_line_has() {
        for name in ["timestamp", "level", "function", "request_id", "cold_start", "code", "duration_ms", "status"] {
            let json = line(vec![(name.into(), json!("other"))]).to_json(None);
            assert_eq!(json, line(Vec::new()).to_json(None), "{name}");
        }
    }

    #[test]
    fn events_have_neither_method_nor_status() {
        let event = Line { method: None, status: None, ..line(Vec::new()) };
        let json: Value = serde_json::from_str(&event.to_json(None)).unwrap();
        assert!(json.get("method").is_none() && json.get("status").is_none());
    }

    #[test]
    fn metrics_are_there_for_those_who_name_a_namespace() {
        let stored = line(vec![("size_bytes".into(), json!(5))]);
        assert!(!stored.to_json(None).contains("_aws"));
        let json: Value = serde_json::from_str(&stored.to_json(Some("Satchel"))).unwrap();
        assert_eq!((&json["uploads"], &json["upload_bytes"]), (&json!(1), &json!(5)));
        assert_eq!(json["_aws"]["Timestamp"], 1_700_000_000_007_u64);
    }

    #[test]
    fn a_function_that_cannot_start_has_a_line_too() {
        let line: Value = serde_json::from_str(&fatal("upload", "not_started", "no \"bucket\"", 0)).unwrap();
        assert_eq!((&line["level"], &line["timestamp"]), (&json!("FATAL"), &json!("1970-01-01T00:00:00.000Z")));
        assert_eq!((&line["code"], &line["reason"]), (&json!("not_started"), &json!("no \"bucket\"")));
    }
}
