//! What the process says besides the lines of requests and events: for people as it always was, for programs as lines.

use satchel_core::outcome::REASON;
use satchel_telemetry::{
    arrival::Seen,
    clock::Clock,
    emf,
    level::Level,
    line::{self, Line},
    stdout,
};
use serde_json::Value;

use crate::{request_id::request_id, terminal::LogFormat};

/// The part of the stack that such lines are of.
const STACK: &str = "stack";

/// A line of the stack itself.
pub(crate) fn notice<const N: usize>(level: Level, code: &'static str, fields: [(&'static str, Value); N]) -> Line {
    let fields = fields.map(|(name, value)| (name.into(), value));
    Seen::of_event(STACK, request_id()).notice(level, code, fields.into())
}

impl LogFormat {
    /// Says how it goes, on standard output: `text` to people, `code` and `fields` to programs.
    pub(crate) fn announce<const N: usize>(self, code: &'static str, text: &str, fields: [(&'static str, Value); N]) {
        match self {
            Self::Text => stdout::print(text.to_owned()),
            Self::Json => stdout::print(emf::json(&notice(Level::Info, code, fields), None)),
        }
    }

    /// Says what goes wrong while it runs all the same: to people on standard error.
    pub(crate) fn warn(self, code: &'static str, text: &str) {
        match self {
            Self::Text => eprintln!("satchel: {text}"),
            Self::Json => stdout::print(emf::json(&notice(Level::Warn, code, [(REASON, text.into())]), None)),
        }
    }

    /// Says why it ends.
    pub(crate) fn fail(self, function: &str, code: &str, text: &str) {
        match self {
            Self::Text => eprintln!("satchel: {text}"),
            Self::Json => stdout::print(line::fatal(function, code, text, Clock::System.milliseconds())),
        }
    }
}

#[cfg(test)]
mod tests {
    use satchel_telemetry::metrics;

    use super::*;

    #[test]
    fn a_notice_is_a_line_like_any_other() {
        let line = notice(Level::Warn, "files_not_closed", [(REASON, "because".into())]);
        assert!(line.is_refused() && metrics::measures(&line).next().is_none());
        let json: Value = serde_json::from_str(&emf::json(&line, None)).unwrap();
        assert_eq!((&json["function"], &json["code"]), (&"stack".into(), &"files_not_closed".into()), "{json}");
        assert_eq!((&json["level"], &json["reason"]), (&"WARN".into(), &"because".into()), "{json}");
        assert!(json["request_id"].as_str().is_some_and(|id| id.len() == 16), "{json}");
    }
}
