//! The heads of requests that the program's own server takes, as functions get them.

use http::{HeaderMap, HeaderValue, Version, header::HOST, request::Parts};
use satchel_core::{head::RawHead, route::PathEncoding};
use url::{Url, form_urlencoded};

/// Of a request that names no host.
const LOCALHOST: HeaderValue = HeaderValue::from_static("localhost");

/// A request that no function gets.
#[derive(Debug, thiserror::Error)]
#[error("the request has headers or a query that are not text")]
pub struct NotText;

/// The head of a request that [names one host](names_one_host), whose body has so many bytes here already.
///
/// # Errors
/// A header is not text.
pub fn of(parts: &Parts, body_bytes: u64) -> Result<RawHead, NotText> {
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned();
    Ok(RawHead {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        encoding: PathEncoding::AsSent,
        // A stage's name would be one more prefix of every path.
        stage: None,
        query: query.collect(),
        headers: joined(&parts.headers)?,
        body_bytes,
        own_address: None,
    })
}

/// One line for each header.
fn joined(headers: &HeaderMap) -> Result<HeaderMap, NotText> {
    let mut joined = HeaderMap::with_capacity(headers.len());
    for name in headers.keys() {
        let lines = headers.get_all(name).iter();
        let texts: Vec<&str> = lines.map(text).collect::<Result<_, _>>()?;
        let value = match (headers.get(name), &*texts) {
            (Some(only), [_]) => only.clone(),
            _ => HeaderValue::from_str(&texts.join(", ")).map_err(|_| NotText)?,
        };
        joined.insert(name.clone(), value);
    }
    joined.entry(HOST).or_insert(LOCALHOST);
    Ok(joined)
}

pub(super) fn text(value: &HeaderValue) -> Result<&str, NotText> {
    str::from_utf8(value.as_bytes()).map_err(|_| NotText)
}

pub(super) fn is_authority(host: &str) -> bool {
    let plain = |url: &Url| url.path() == "/" && url.username().is_empty() && url.query().or(url.fragment()).is_none();
    Url::parse(&format!("http://{host}/")).is_ok_and(|url| plain(&url))
}

/// Whether a request names the one host that it is for; HTTP/1.0 need not (RFC 9112, section 3.2). What proxies and
/// caches on the way take for the host may be any of two.
pub fn names_one_host(parts: &Parts) -> bool {
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => parts.version < Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(is_authority),
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_is_not_text_has_no_head() {
        let request = http::Request::put("/upload/a").header("x-a", HeaderValue::from_bytes(b"\xff").unwrap());
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert!(of(&parts, 0).is_err());
    }
}
