//! What functions note about a request, and its line. Tokens, presigned URLs, bodies and JIDs never get here.

use std::{
    error::Error,
    io::{Write, stdout},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use http::Method;
use lambda_http::{Body, Request, Response};
use satchel_core::grant::OwnerId;
use satchel_telemetry::{
    level::Level,
    line::{CAUSE, Field, Line, REASON},
};
use serde_json::Value;

use crate::event;

/// The field that X-Ray's trace is named in, as AWS's own logging libraries name it.
const TRACE: &str = "xray_trace_id";

/// How a request ended; travels from the handler to the boundary as an extension of the response.
#[derive(Debug, Clone)]
pub struct Outcome {
    code: &'static str,
    fields: Vec<Field>,
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

    /// The outcome of an event: what its function counted, and why it failed.
    fn of_event<E: EventFailure>(outcome: &Result<Value, E>) -> Self {
        match outcome {
            Ok(done) => Self { code: "done", fields: fields(done) },
            Err(error) => {
                let mut fields = error.done().as_ref().map(fields).unwrap_or_default();
                fields.push((CAUSE.into(), error.to_string().into()));
                Self { code: "failed", fields }
            }
        }
    }
}

/// What an event has come to, as fields.
fn fields(done: &Value) -> Vec<Field> {
    match done {
        Value::Object(counts) => counts.iter().map(|(name, value)| (name.clone().into(), value.clone())).collect(),
        other => vec![("outcome".into(), other.clone())],
    }
}

/// Why an event is not done with.
pub trait EventFailure: Error {
    /// What is done all the same, as a success would say it: it counts, as another delivery of the event does not do it
    /// again.
    fn done(&self) -> Option<Value> {
        None
    }
}

impl<E: EventFailure> EventFailure for &E {
    fn done(&self) -> Option<Value> {
        (**self).done()
    }
}

/// Adds a field to the line of this response, instead of one of that name.
pub fn note(response: &mut Response<Body>, field: &'static str, value: impl Into<Value>) {
    if let Some(outcome) = response.extensions_mut().get_mut::<Outcome>() {
        outcome.fields.retain(|(name, _)| name != field);
        outcome.fields.push((field.into(), value.into()));
    }
}

/// Adds what a request for an upload has tried, as far as it says: the protocol of its token, and a file of so many bytes.
/// Refusals need it most.
pub fn note_attempt(response: &mut Response<Body>, protocol: Option<&'static str>, size: Option<u64>) {
    if let Some(protocol) = protocol {
        note(response, "protocol", protocol);
    }
    if let Some(size) = size {
        note(response, "size_bytes", size);
    }
}

/// Adds whose file it is, where that is known: eight digits of an id that is keyed, enough to see what belongs together.
pub fn note_owner(response: &mut Response<Body>, owner: Option<OwnerId>) {
    if let Some(owner) = owner {
        note(response, "owner", &owner.to_hex()[..8]);
    }
}

/// Adds that an upload of so many bytes has been sealed on the way.
pub fn note_sealed(response: &mut Response<Body>, size: u64) {
    note(response, "sealed", 1);
    note(response, "sealed_bytes", size);
}

/// A request or event as it comes in: what its line needs to know once it is over.
#[derive(Debug, Clone)]
pub struct Seen {
    function: &'static str,
    /// `None` for events.
    method: Option<Method>,
    request_id: String,
    trace: Option<String>,
    cold_start: bool,
    at: Instant,
}

impl Seen {
    /// Takes note of a request. `invocation` is Lambda's id of it; where it is empty, API Gateway's is used.
    #[must_use]
    pub fn of(function: &'static str, invocation: String, request: &Request) -> Self {
        let request_id = match event::request_id(request) {
            Some(id) if invocation.is_empty() => id.to_owned(),
            _ => invocation,
        };
        Self::at_gateway(function, request.method().clone(), request_id)
    }

    /// Takes note of a part of a request that no function handles.
    #[must_use]
    pub fn at_gateway(function: &'static str, method: Method, request_id: String) -> Self {
        Self { method: Some(method), ..Self::of_event(function, request_id) }
    }

    /// Takes note of an event that nobody waits for.
    #[must_use]
    pub fn of_event(function: &'static str, request_id: String) -> Self {
        Self { function, method: None, request_id, trace: None, cold_start: false, at: Instant::now() }
    }

    /// Says whether it is the first that its function's process gets.
    #[must_use]
    pub fn starting_cold(self, cold_start: bool) -> Self {
        Self { cold_start, ..self }
    }

    /// Says which of X-Ray's traces it belongs to, by the header that Lambda has for it (AWS: "X-Ray concepts", tracing header).
    #[must_use]
    pub fn traced(self, header: Option<&str>) -> Self {
        let root = header.and_then(|header| header.split(';').find_map(|part| part.trim().strip_prefix("Root=")));
        Self { trace: root.map(str::to_owned), ..self }
    }

    /// The same, answered by another part.
    #[must_use]
    pub fn answered_by(self, function: &'static str) -> Self {
        Self { function, ..self }
    }

    /// Its id.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The function that it goes to.
    #[must_use]
    pub fn function(&self) -> &'static str {
        self.function
    }

    /// The line of a request, which ends now with this response.
    #[must_use]
    pub fn line(&self, response: &Response<Body>) -> Line {
        let outcome = response.extensions().get::<Outcome>().cloned().unwrap_or_else(|| Outcome::new("answered"));
        // Stanzas are answered with 200 even where S3 has failed, or there is no slot.
        let said = [(CAUSE, Level::Error), (REASON, Level::Warn)];
        let said = said.into_iter().filter(|(field, _)| outcome.fields.iter().any(|(name, _)| name == field));
        let level = said.map(|(_, level)| level).fold(Level::of_status(response.status()), Level::max);
        Line { status: Some(response.status()), ..self.ended(outcome, level) }
    }

    /// The line of an event, which ends now: what came of it, or why nothing did.
    #[must_use]
    pub fn event_line<E: EventFailure>(&self, outcome: &Result<Value, E>) -> Line {
        let level = if outcome.is_ok() { Level::Info } else { Level::Error };
        self.ended(Outcome::of_event(outcome), level)
    }

    /// The line of something that is neither request nor event, and has to be said.
    #[must_use]
    pub fn notice(&self, level: Level, code: &'static str, fields: Vec<Field>) -> Line {
        self.ended(Outcome { code, fields }, level)
    }

    fn ended(&self, mut outcome: Outcome, level: Level) -> Line {
        outcome.fields.extend(self.trace.iter().map(|root| (TRACE.into(), root.as_str().into())));
        Line {
            at: now(),
            level,
            function: self.function,
            request_id: self.request_id.clone(),
            cold_start: self.cold_start,
            method: self.method.clone(),
            status: None,
            code: outcome.code,
            duration: self.at.elapsed(),
            fields: outcome.fields,
        }
    }
}

/// An error and what it came from, which hyper's own message leaves out.
pub(crate) fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Milliseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Prints a line to standard output with one write, so that it stays one line whoever else writes there. A request does
/// not fail because nobody reads its line.
pub fn print(mut line: String) {
    line.push('\n');
    let _ = stdout().lock().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("two of three")]
    struct Incomplete;

    impl EventFailure for Incomplete {
        fn done(&self) -> Option<Value> {
            Some(json!({"sealed": 1, "sealed_bytes": 5}))
        }
    }

    #[test]
    fn a_line_is_as_serious_as_its_status_or_what_was_noted() {
        for (status, field, level) in [
            (200, "size_bytes", Level::Info),
            (200, REASON, Level::Warn),
            (200, CAUSE, Level::Error),
            (403, "signed_messages", Level::Warn),
            (503, REASON, Level::Error),
        ] {
            let mut response = crate::answer::empty(status.try_into().unwrap(), "any");
            note(&mut response, field, "x");
            let line = Seen::at_gateway("component", Method::POST, String::new()).line(&response);
            assert_eq!(line.level, level, "{status} {field}");
        }
    }

    #[test]
    fn a_line_names_the_trace_that_it_belongs_to() {
        let root = "1-5759e988-bd862e3fe1be46a994272793";
        let traced = |header: Option<&str>| {
            let line = Seen::of_event("seal", "r".into()).traced(header).notice(Level::Info, "done", Vec::new());
            line.noted("xray_trace_id").cloned()
        };
        assert_eq!(traced(Some(&format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=1"))), Some(json!(root)));
        assert_eq!(traced(Some(&format!("Lineage=a87bd80c:1|68fd508a:5; Root={root}"))), Some(json!(root)));
        assert_eq!((traced(Some("Sampled=0")), traced(None)), (None, None));
    }

    #[test]
    fn what_a_failed_event_has_done_all_the_same_counts() {
        let line = Seen::of_event("seal", "r".into()).event_line(&Err(Incomplete));
        assert_eq!((line.level, line.code), (Level::Error, "failed"));
        assert_eq!(line.noted(CAUSE), Some(&json!("two of three")));
        let counted: Vec<_> = line.measures().map(|measure| (measure.metric.name, measure.value)).collect();
        assert_eq!(counted, [("uploads", 1.0), ("upload_bytes", 5.0), ("seals", 1.0)]);
    }
}
