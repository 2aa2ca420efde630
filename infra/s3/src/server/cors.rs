//! CORS in front of s3s, which stores rules but never applies them: answers preflights, marks every other answer.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use s3s::dto::{CORSConfiguration, CORSRule};
use s3s::{Body, s3_error};
use satchel_folder::Store;

use super::guard::refusal;
use crate::api::error::custom;

/// What a page needs to resume a download, to name the file and to compare it. template.yaml gives its bucket the same.
const EXPOSED: [&str; 5] = ["ETag", "Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Range"];

/// Where rules come from.
#[derive(Clone)]
pub(super) struct Cors {
    pub store: Store,
    /// For buckets without rules of their own.
    pub default: Vec<CORSRule>,
}

/// Any origin may read and write with any header: the signature decides, not the page.
pub(super) fn open_rules() -> Vec<CORSRule> {
    vec![CORSRule {
        allowed_headers: Some(vec!["*".into()]),
        allowed_methods: ["GET", "HEAD", "PUT"].map(Into::into).into(),
        allowed_origins: vec!["*".into()],
        expose_headers: Some(EXPOSED.map(Into::into).into()),
        id: None,
        max_age_seconds: Some(7200),
    }]
}

/// What a browser says about a request.
pub(super) struct Origin {
    origin: String,
    bucket: String,
    method: String,
    /// In lower case; those of a preflight.
    headers: Vec<String>,
    is_preflight: bool,
}

impl Origin {
    /// `None` where no browser is at work.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let text = |name: HeaderName| request.headers().get(name)?.to_str().ok();
        let origin = text(header::ORIGIN)?.to_owned();
        let asked = text(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| request.method() == Method::OPTIONS);
        let names = text(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        Some(Self {
            origin,
            bucket: bucket(request.uri().path()),
            method: asked.unwrap_or(request.method().as_str()).to_owned(),
            headers: names.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|n| !n.is_empty()).collect(),
            is_preflight: asked.is_some(),
        })
    }
}

/// The path is decoded before it is taken apart, as s3s does: another spelling of the name has the same rules.
fn bucket(path: &str) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    path.split('/').nth(1).unwrap_or_default().to_owned()
}

impl Cors {
    fn rules(&self, bucket: &str) -> Vec<CORSRule> {
        // A bucket that does not exist gets the default too, so that a page can read the 404.
        let stored = self.store.bucket(bucket).ok().and_then(|record| record.cors);
        let parsed = stored.and_then(|json| serde_json::from_str::<CORSConfiguration>(&json).ok());
        parsed.map_or_else(|| self.default.clone(), |configuration| configuration.cors_rules)
    }

    fn matching(&self, origin: &Origin) -> Option<(CORSRule, String)> {
        self.rules(&origin.bucket).into_iter().find_map(|rule| {
            let pattern = rule.allowed_origins.iter().find(|pattern| wildcard(pattern, &origin.origin))?.clone();
            let allowed = rule.allowed_headers.as_deref().unwrap_or_default();
            let method = rule.allowed_methods.contains(&origin.method);
            let headers = origin
                .headers
                .iter()
                .all(|name| allowed.iter().any(|pattern| wildcard(&pattern.to_ascii_lowercase(), name)));
            (method && headers).then_some((rule, pattern))
        })
    }

    /// The answer to an `OPTIONS` request.
    pub(super) fn preflight(&self, origin: Option<&Origin>) -> Response<Body> {
        let Some(origin) = origin.filter(|origin| origin.is_preflight) else {
            return refusal(s3_error!(InvalidRequest, "Insufficient information. Origin request header needed."));
        };
        let Some((rule, pattern)) = self.matching(origin) else {
            return refusal(custom(
                "AccessForbidden",
                StatusCode::FORBIDDEN,
                "CORSResponse: This CORS request is not allowed.",
            ));
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        allow(headers, origin, &rule, &pattern);
        set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &rule.allowed_methods.join(", "));
        if !origin.headers.is_empty() {
            set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &origin.headers.join(", "));
        }
        if let Some(seconds) = rule.max_age_seconds {
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, seconds.into());
        }
        response
    }

    /// Marks an answer, whatever it is.
    pub(super) fn mark(&self, origin: &Origin, headers: &mut HeaderMap) {
        if let Some((rule, pattern)) = self.matching(origin) {
            allow(headers, origin, &rule, &pattern);
        }
    }
}

fn allow(headers: &mut HeaderMap, origin: &Origin, rule: &CORSRule, pattern: &str) {
    if pattern == "*" {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, &origin.origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    let vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
    headers.append(header::VARY, HeaderValue::from_static(vary));
    if let Some(exposed) = rule.expose_headers.as_ref().filter(|exposed| !exposed.is_empty()) {
        set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &exposed.join(", "));
    }
}

/// A value that is no header value came from a client or a rule; leaving it out denies, which is safe.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// S3's patterns have at most one `*`, for any characters.
fn wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            text.len() >= before.len() + after.len() && text.starts_with(before) && text.ends_with(after)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_s3_says() {
        for (pattern, text, expected) in [
            ("*", "null", true),
            ("*", "https://example.org", true),
            ("https://*.example.org", "https://a.example.org", true),
            ("https://*.example.org", "https://example.org", false),
            ("https://example.org", "https://example.org:8443", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }
}
