//! Answers, each with the CORS headers that browser clients need even on errors, and with what its line says.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
};
use serde_json::Value;

use crate::{
    cors,
    outcome::{Failure, Outcome, REASON},
    problem::{PROBLEM_JSON, Problem},
};

/// Seconds after which a client may try again when storage has failed it.
const RETRY_AFTER_SECONDS: &str = "5";

/// A browser is to take an answer for what it says it is.
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// How callers of functions that take user names and passwords are asked for them (RFC 7617, section 2).
pub const BASIC: &str = "Basic realm=\"satchel\"";

/// What goes to the client, and what is said of it elsewhere.
#[derive(Debug, Clone)]
pub struct Answer {
    /// To the client.
    pub response: Response<Bytes>,
    /// To the log.
    pub outcome: Outcome,
}

impl Answer {
    /// An answer without a body, such as 201 or 204.
    #[must_use]
    pub fn empty(status: StatusCode, code: &'static str) -> Self {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        cors::allow_any_origin(response.headers_mut());
        Self { response, outcome: Outcome::new(code) }
    }

    /// The answer to OPTIONS: a preflight is answered, never redirected (Fetch, "CORS-preflight fetch").
    #[must_use]
    pub fn preflight() -> Self {
        Self::empty(StatusCode::NO_CONTENT, "preflight")
    }

    /// 307 to a presigned URL, so that the method stays (RFC 9110, section 15.4.8). `max_age` seconds of
    /// caching, none where it is 0.
    #[must_use]
    pub fn redirect(url: &str, max_age: u64) -> Self {
        let caching = if max_age == 0 { "no-store".to_owned() } else { format!("private, max-age={max_age}") };
        Self::empty(StatusCode::TEMPORARY_REDIRECT, "redirected").with(LOCATION, url).with(CACHE_CONTROL, &caching)
    }

    /// A problem as an answer, of which nothing is noted. HEAD has no body (RFC 9110, section 9.3.2).
    #[must_use]
    pub fn of_problem(method: &Method, problem: &Problem) -> Self {
        let mut answer = Self::empty(problem.status, problem.code).with(CONTENT_TYPE, PROBLEM_JSON);
        answer.set(CACHE_CONTROL, "no-store");
        match problem.status {
            StatusCode::UNAUTHORIZED => answer.set(WWW_AUTHENTICATE, "Bearer"),
            StatusCode::SERVICE_UNAVAILABLE => answer.set(RETRY_AFTER, RETRY_AFTER_SECONDS),
            _ => {}
        }
        if method != Method::HEAD {
            *answer.response.body_mut() = problem.to_json().into();
        }
        answer
    }

    /// The answer to a request that was not done as asked.
    #[must_use]
    pub fn refusal(method: &Method, failure: &(impl Failure + ?Sized)) -> Self {
        let mut answer = Self::of_problem(method, &failure.problem());
        answer.outcome.fields = failure.fields();
        answer
    }

    /// 405 with the methods there are (RFC 9110, section 15.5.6).
    #[must_use]
    pub fn method_not_allowed(method: &Method, allow: &'static str) -> Self {
        let detail = format!("this address takes {allow}");
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
        let mut answer = Self::of_problem(method, &problem).with(ALLOW, allow);
        answer.note(REASON, problem.detail);
        answer
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The same with a header more.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        *self.response.body_mut() = body.into();
        self
    }

    /// Adds a header whose value is known to be one; a value that is none is left out.
    pub fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response.headers_mut().insert(name, value);
        }
    }

    /// Adds a field to its line, instead of one of that name.
    pub fn note(&mut self, field: &'static str, value: impl Into<Value>) {
        self.outcome.note(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("there is no room, come back later")]
    struct NoRoom(StatusCode);

    impl Failure for NoRoom {
        fn problem(&self) -> Problem {
            Problem::new(self.0, "no_room", self.to_string())
        }
    }

    #[test]
    fn a_refusal_says_the_same_to_client_and_log() {
        let answer = Answer::refusal(&Method::PUT, &NoRoom(StatusCode::SERVICE_UNAVAILABLE));
        let problem: Value = serde_json::from_slice(answer.response.body()).unwrap();
        assert_eq!((answer.status().as_u16(), answer.outcome.code), (503, "no_room"));
        assert_eq!((&problem["code"], &problem["detail"]), (&"no_room".into(), &answer.outcome.fields[0].1));
        assert_eq!(answer.outcome.fields, [(REASON.into(), "there is no room, come back later".into())]);
        assert_eq!(answer.response.headers()[RETRY_AFTER], "5");
    }

    #[test]
    fn head_has_no_body_and_401_asks_for_a_token() {
        let answer = Answer::refusal(&Method::HEAD, &NoRoom(StatusCode::UNAUTHORIZED));
        assert!(answer.response.body().is_empty());
        assert_eq!(answer.response.headers()[WWW_AUTHENTICATE], "Bearer");
        assert!(!answer.response.headers().contains_key(RETRY_AFTER));
    }

    #[test]
    fn a_redirect_is_kept_for_as_long_as_it_works() {
        for (max_age, caching) in [(0, "no-store"), (1, "private, max-age=1")] {
            let answer = Answer::redirect("https://s3.example/a?X-Amz-Signature=b", max_age);
            assert_eq!(answer.response.headers()[CACHE_CONTROL], caching);
        }
    }

    #[test]
    fn a_field_is_noted_once() {
        let mut answer = Answer::empty(StatusCode::OK, "any");
        answer.note("size_bytes", 1);
        answer.note("size_bytes", 2);
        assert_eq!(answer.outcome.fields, [("size_bytes".into(), 2.into())]);
    }
}
