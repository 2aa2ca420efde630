//! One line per request, written where the request enters: a message plus fields with units. Tokens,
//! presigned URLs, bodies and JIDs never get here.

use std::time::Duration;

use http::{Method, StatusCode};
use lambda_http::{Body, Response};
use serde_json::{Value, json};

/// How a request ended; travels from the handler to the boundary as an extension of the response.
#[derive(Debug, Clone)]
pub struct Outcome {
    code: &'static str,
    fields: Vec<(&'static str, Value)>,
}

impl Outcome {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// An outcome with a stable code.
    #[must_use]
    pub fn new(code: &'static str) -> Self {
        Self { code, fields: Vec::new() }
    }
}

/// Adds a field to the line of this response.
pub fn note(response: &mut Response<Body>, field: &'static str, value: impl Into<Value>) {
    if let Some(outcome) = response.extensions_mut().get_mut::<Outcome>() {
        outcome.fields.push((field, value.into()));
    }
}

/// The line of one request.
#[derive(Debug, Clone)]
pub struct Line {
    function: &'static str,
    request_id: String,
    method: Method,
    status: StatusCode,
    outcome: Outcome,
    duration: Duration,
}

impl Line {
    /// Reads the line off a response.
    #[must_use]
    pub fn of(
        function: &'static str,
        request_id: &str,
        method: Method,
        response: &Response<Body>,
        duration: Duration,
    ) -> Self {
        let outcome = response.extensions().get::<Outcome>().cloned().unwrap_or_else(|| Outcome::new("answered"));
        Self { function, request_id: request_id.to_owned(), method, status: response.status(), outcome, duration }
    }

    fn level(&self) -> &'static str {
        match self.status.as_u16() {
            500.. => "ERROR",
            400.. => "WARN",
            _ => "INFO",
        }
    }

    /// As CloudWatch likes it: one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut line = json!({
            "level": self.level(),
            "message": self.outcome.code,
            "function": self.function,
            "request_id": self.request_id,
            "method": self.method.as_str(),
            "status": self.status.as_u16(),
            "duration_ms": self.duration.as_secs_f64() * 1_000.0,
        });
        for (field, value) in &self.outcome.fields {
            line[*field] = value.clone();
        }
        line.to_string()
    }

    /// For people: status, method, outcome, milliseconds, the fields and the request's id.
    #[must_use]
    pub fn to_text(&self) -> String {
        let milliseconds = self.duration.as_secs_f64() * 1_000.0;
        let (status, method, code) = (self.status.as_u16(), &self.method, self.outcome.code);
        let fields: String = self.outcome.fields.iter().map(|(field, value)| format!(" {field}={value}")).collect();
        let line = format!("{status} {method} {code} {milliseconds:.1} ms{fields} id={}", self.request_id);
        line.chars().flat_map(visible).collect()
    }
}

/// The line of an event that nobody waits for: what came of it, or why nothing did.
#[must_use]
pub fn event_line<E: std::error::Error>(
    function: &str,
    request_id: &str,
    outcome: &Result<Value, E>,
    duration: Duration,
) -> String {
    let (level, message) = if outcome.is_ok() { ("INFO", "done") } else { ("ERROR", "failed") };
    let mut line = json!({
        "level": level,
        "message": message,
        "function": function,
        "request_id": request_id,
        "duration_ms": duration.as_secs_f64() * 1_000.0,
    });
    match outcome {
        Ok(done) => line["outcome"] = done.clone(),
        Err(error) => line["cause"] = error.to_string().into(),
    }
    line.to_string()
}

/// Letters and ASCII as they are; what could turn a terminal's line around, or hide in it, escaped.
fn visible(character: char) -> Vec<char> {
    if character.is_alphanumeric() || character.is_ascii_graphic() || character == ' ' {
        vec![character]
    } else {
        character.escape_unicode().collect()
    }
}
