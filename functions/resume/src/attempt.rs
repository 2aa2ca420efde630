//! What a request has tried, for its answer and its line.

use http::Method;
use satchel_core::{answer::Answer, grant::Grant, head::RawHead};

use crate::{answers::of_tus, config::ResumeConfig, error::ResumeError, limits::Limits, request};

/// What a request has tried.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The method that counts; `None` where a header names one that there is not.
    pub(crate) named: Option<Method>,
    method: Method,
    protocol: Option<&'static str>,
    size: Option<u64>,
    limits: Limits,
}

impl Attempt {
    /// Reads it off the head.
    #[must_use]
    pub fn of(config: &ResumeConfig, raw: &RawHead) -> Self {
        let named = request::method(&raw.method, |name| raw.text(name));
        let method = named.clone().unwrap_or_else(|| raw.method.clone());
        let (header, parameter) = (|name: &str| raw.header(name), |name: &str| raw.parameter(name));
        let tried = |method| request::protocol_tried(method, header, parameter, &raw.path);
        let creates = named == Some(Method::POST);
        Self {
            protocol: named.as_ref().and_then(tried),
            size: raw.text("upload-length").and_then(|length| length.parse().ok()).filter(|_| creates),
            limits: config.limits(),
            named,
            method,
        }
    }

    /// The method that is answered.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The answer to it.
    #[must_use]
    pub fn answered(&self, answered: Result<Answer, ResumeError>) -> Answer {
        self.granted(None, answered)
    }

    /// The same of an upload that is allowed: whoever may not get it done is known here, too.
    #[must_use]
    pub fn granted(&self, grant: Option<&Grant>, answered: Result<Answer, ResumeError>) -> Answer {
        let mut answer = answered.unwrap_or_else(|error| Answer::refusal(&self.method, &error));
        if let Some(grant) = grant {
            answer.note("size_bytes", grant.size);
            answer.outcome.note_owner(grant.owner);
        }
        answer.outcome.note_attempt(self.protocol, self.size);
        of_tus(answer, self.limits)
    }
}
