//! Refusals as the client sees them: RFC 9457 problem documents with a stable code.

use http::StatusCode;
use serde_json::json;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal: a status, a code that never changes, and a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// Stable, lower-case, for programs and logs.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

impl Problem {
    /// Puts a problem together.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    /// The document: `type`, `title`, `status`, `detail` (RFC 9457, section 3.1) and `code`.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!({
            "type": "about:blank",
            // The one status without a registered reason is tus's 460.
            "title": self.status.canonical_reason().unwrap_or("Checksum Mismatch"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        })
        .to_string()
    }
}
