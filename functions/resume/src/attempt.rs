//! What a request has tried, for its answer and its line.

use http::Method;
use lambda_http::{Body, Request, RequestExt, Response};
use satchel_aws::{event, log};
use satchel_core::grant::Grant;

use crate::{ResumeConfig, ResumeError, answers::of_tus, limits::Limits, request, text};

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
    pub fn of(config: &ResumeConfig, request: &Request) -> Self {
        let named = request::method(request.method(), |name| text(request, name));
        let method = named.clone().unwrap_or_else(|| request.method().clone());
        let header = |name: &str| event::header(request, name);
        let parameter = |name: &str| event::parameter(request, name);
        let tried = |method| request::protocol_tried(method, header, parameter, request.raw_http_path());
        let creates = named == Some(Method::POST);
        Self {
            protocol: named.as_ref().and_then(tried),
            size: text(request, "upload-length").and_then(|length| length.parse().ok()).filter(|_| creates),
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
    pub fn answered(&self, answered: Result<Response<Body>, ResumeError>) -> Response<Body> {
        let mut response = answered.unwrap_or_else(|error| error.answer(&self.method));
        log::note_attempt(&mut response, self.protocol, self.size);
        of_tus(response, self.limits)
    }

    /// The same of an upload that is allowed: whoever may not get it done is known here, too.
    #[must_use]
    pub fn granted(&self, grant: Option<&Grant>, answered: Result<Response<Body>, ResumeError>) -> Response<Body> {
        let mut response = answered.unwrap_or_else(|error| error.answer(&self.method));
        if let Some(grant) = grant {
            log::note(&mut response, "size_bytes", grant.size);
            log::note_owner(&mut response, grant.owner);
        }
        self.answered(Ok(response))
    }
}
