//! `/metrics` and `/_satchel/`: what the stack has counted, for Prometheus and for people. Both are for this machine
//! alone unless credentials are set, and never in the way of an upload.

mod access;
mod chart;
mod page;
pub mod shelves;

use std::sync::Arc;

use access::AccessError;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
        WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
    request::Parts,
};
use http_body_util::Full;
use hyper::Response;
use satchel_core::{
    answer::Answer,
    basic::Callers,
    problem::{PROBLEM_JSON, Problem},
    route::Route,
};
use satchel_listener::Peer;
use satchel_telemetry::{arrival::Seen, clock::Clock};
use serde_json::json;
use shelves::Shelves;

use crate::{
    health::{Checkup, Health},
    journal::Journal,
    request_id::request_id,
};

pub use page::Facts;

const METRICS: &str = "/metrics";
/// Where the page is.
pub const PAGE: &str = "/_satchel/";
const PAGE_WITHOUT_SLASH: &str = "/_satchel";
const HEALTH: &str = "/_satchel/health";
const STYLE: &str = "/_satchel/style.css";

/// For all of it.
const METHODS: &str = "GET, HEAD";

/// No script, nothing from elsewhere, in no frame; the icon is a data: URL.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// What is answered here: small and whole.
type Page = Response<Full<Bytes>>;

/// Everything that the pages need.
#[derive(Debug)]
pub struct Status {
    journal: Arc<Journal>,
    /// `None` where files are in another S3.
    shelves: Option<Shelves>,
    callers: Option<Callers>,
    /// The path of `SATCHEL_PUBLIC_URL`, which uploads are below.
    public_path: Option<String>,
    facts: Facts,
    checkup: Arc<Checkup>,
}

impl Status {
    /// Puts the pages together.
    #[must_use]
    pub fn new(
        journal: Arc<Journal>,
        shelves: Option<Shelves>,
        callers: Option<Callers>,
        public_path: Option<String>,
        facts: Facts,
        checkup: Arc<Checkup>,
    ) -> Self {
        Self { journal, shelves, callers, public_path, facts, checkup }
    }

    /// Where lines go.
    #[must_use]
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Whether a path leads here. Where uploads are below the root, all paths are theirs.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        let ours = matches!(path, METRICS | PAGE | PAGE_WITHOUT_SLASH | STYLE | HEALTH);
        ours && Route::of(path, self.public_path.as_deref(), None).is_none()
    }

    /// Returns once what is stored has been counted.
    pub async fn counted(&self) {
        if let Some(shelves) = &self.shelves {
            shelves.counted().await;
        }
    }

    /// Answers one request. Only refusals and failures are logged: a scraper comes several times a minute.
    /// `peer` is who connected, and the headers are as they came.
    pub async fn answer(&self, request: &Parts, peer: Peer) -> Page {
        let seen = Seen::of_request("status", request.method.clone(), request_id());
        let peer = match peer {
            Peer::Ip(address) => Some(address),
            // A reverse proxy's, and whom that speaks for it need not say.
            Peer::Unix => None,
        };
        let admitted = access::admit(peer, &request.headers, self.callers.as_ref());
        let is_health = request.uri.path() == HEALTH;
        if let Err(error) = admitted
            && !is_health
        {
            return guarded(self.refuse(&seen, &request.method, error));
        }
        let answer = match request.method {
            // Whoever asks may know whether to send uploads here, and no more.
            Method::GET | Method::HEAD if is_health => self.health(&seen, &request.method, admitted.is_ok()).await,
            Method::GET | Method::HEAD => self.read(request, &seen).await,
            _ => {
                self.journal.write(&seen.line(&Answer::method_not_allowed(&request.method, METHODS)));
                with(plain(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n"), ALLOW, METHODS)
            }
        };
        guarded(answer)
    }

    async fn read(&self, request: &Parts, seen: &Seen) -> Page {
        match request.uri.path() {
            METRICS => self.metrics(&request.headers).await,
            STYLE => of_type("text/css; charset=utf-8", page::STYLE_SHEET),
            PAGE_WITHOUT_SLASH => with(plain(StatusCode::PERMANENT_REDIRECT, ""), LOCATION, PAGE),
            _ => self.page(seen).await,
        }
    }

    /// Whether files can be stored; how much and why not is for those who may see the metrics.
    async fn health(&self, seen: &Seen, method: &Method, with_details: bool) -> Page {
        let Health { free_bytes, condition } = self.checkup.health().await;
        if condition.is_ok() {
            let free = free_bytes.filter(|_| with_details);
            let health = free.map_or(json!({"status": "ok"}), |free| json!({"status": "ok", "free_bytes": free}));
            return of_type("application/json", health.to_string());
        }
        let detail = if with_details { condition.to_string() } else { "files cannot be stored at the moment".into() };
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", detail);
        let mut logged = Answer::of_problem(method, &problem);
        logged.note("reason", condition.to_string());
        self.journal.write(&seen.line(&logged));
        with(problem_of(method, &problem, StatusCode::SERVICE_UNAVAILABLE), RETRY_AFTER, "5")
    }

    async fn metrics(&self, headers: &HeaderMap) -> Page {
        let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let stored = match &self.shelves {
            // A store that cannot be read is told by the requests that need it; all other figures still stand.
            Some(shelves) => shelves.areas().await.unwrap_or_default(),
            None => Vec::new(),
        };
        let free = self.checkup.health().await.free_bytes.unwrap_or_default();
        let (content_type, body) = self.journal.exporter().expose(accept, &stored, free);
        of_type(content_type, body)
    }

    async fn page(&self, seen: &Seen) -> Page {
        let (now, health) = (Clock::System.milliseconds() / 1_000, self.checkup.health().await);
        let rendered = page::render(&self.facts, &self.journal, self.shelves.as_ref(), &health, now).await;
        match rendered {
            Ok(page) => of_type("text/html; charset=utf-8", page),
            Err(error) => {
                let mut failed = Answer::empty(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable");
                failed.note("cause", error.to_string());
                self.journal.write(&seen.line(&failed));
                plain(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
            }
        }
    }

    /// As every refusal, but without CORS.
    fn refuse(&self, seen: &Seen, method: &Method, error: AccessError) -> Page {
        let (status, code) = match error {
            AccessError::NotLocal => (StatusCode::FORBIDDEN, "status_not_local"),
            AccessError::Unauthorized => (StatusCode::UNAUTHORIZED, "basic_required"),
        };
        let problem = Problem::new(status, code, error.to_string());
        let mut logged = Answer::of_problem(method, &problem);
        logged.note("reason", error.to_string());
        self.journal.write(&seen.line(&logged));
        let answer = problem_of(method, &problem, status);
        match error {
            AccessError::NotLocal => answer,
            AccessError::Unauthorized => with(answer, WWW_AUTHENTICATE, "Basic realm=\"satchel\""),
        }
    }
}

fn problem_of(method: &Method, problem: &Problem, status: StatusCode) -> Page {
    let body = if method == Method::HEAD { String::new() } else { problem.to_json() };
    with_status(of_type(PROBLEM_JSON, body), status)
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Page {
    with_status(of_type("text/plain; charset=utf-8", body), status)
}

fn of_type(content_type: &'static str, body: impl Into<Bytes>) -> Page {
    with(Response::new(Full::new(body.into())), CONTENT_TYPE, content_type)
}

fn with(mut answer: Page, name: HeaderName, value: &'static str) -> Page {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}

fn with_status(mut answer: Page, status: StatusCode) -> Page {
    *answer.status_mut() = status;
    answer
}

/// What keeps other pages from reading, framing or running any of it. No CORS here: only uploads are for all origins.
fn guarded(answer: Page) -> Page {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    headers.into_iter().fold(answer, |answer, (name, value)| with(answer, name, value))
}
