//! A request or event as it comes in, and its line once it is over.

use std::time::Instant;

use http::Method;
use satchel_core::{
    answer::Answer,
    outcome::{CAUSE, EventFailure, Field, Outcome, REASON},
};
use serde_json::Value;

use crate::{clock::Clock, level::Level, line::Line};

/// The field that X-Ray's trace is named in, as AWS's own logging libraries name it.
const TRACE: &str = "xray_trace_id";

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
    /// Takes note of a request.
    #[must_use]
    pub fn of_request(function: &'static str, method: Method, request_id: String) -> Self {
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

    /// The line of a request, which ends now with this answer.
    #[must_use]
    pub fn line(&self, answer: &Answer) -> Line {
        // Stanzas are answered with 200 even where S3 has failed, or there is no slot.
        let said = [(CAUSE, Level::Error), (REASON, Level::Warn)];
        let said = said.into_iter().filter(|(field, _)| answer.outcome.has(field)).map(|(_, level)| level);
        let level = said.fold(Level::of_status(answer.status()), Level::max);
        Line { status: Some(answer.status()), ..self.ended(answer.outcome.clone(), level) }
    }

    /// The line of an event, which ends now: what came of it, or why nothing did.
    #[must_use]
    pub fn event_line<E: EventFailure>(&self, outcome: &Result<Value, E>) -> Line {
        let level = if outcome.is_ok() { Level::Info } else { Level::Error };
        self.ended(Outcome::of_event(outcome.as_ref()), level)
    }

    /// The line of something that is neither request nor event, and has to be said.
    #[must_use]
    pub fn notice(&self, level: Level, code: &'static str, fields: Vec<Field>) -> Line {
        self.ended(Outcome { code, fields }, level)
    }

    fn ended(&self, mut outcome: Outcome, level: Level) -> Line {
        outcome.fields.extend(self.trace.iter().map(|root| (TRACE.into(), root.as_str().into())));
        Line {
            at: Clock::System.milliseconds(),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics;

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
            let mut answer = Answer::empty(status.try_into().unwrap(), "any");
            answer.note(field, "x");
            let line = Seen::of_request("component", Method::POST, String::new()).line(&answer);
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
        let counted: Vec<_> = metrics::measures(&line).map(|measure| (measure.metric.name, measure.value)).collect();
        assert_eq!(counted, [("uploads", 1.0), ("upload_bytes", 5.0), ("seals", 1.0)]);
    }
}
