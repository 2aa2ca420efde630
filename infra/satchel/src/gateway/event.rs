//! How large a request would be as the event that a REST API's Lambda proxy integration sends (AWS: "Input format of a
//! Lambda function for proxy integration").

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, header::HOST, request::Parts};
use satchel_telemetry::arrival::Seen;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::head::{NotText, is_authority, text};
use crate::{proxies::Client, request_id::request_id};

/// The resource of template.yaml.
const RESOURCE: &str = "/upload/{path+}";
const API_ID: &str = "local";

/// Bytes of the event that a request would be. The body is not copied for that.
///
/// # Errors
/// A header is not text.
pub fn len(parts: &Parts, body: &Bytes) -> Result<usize, NotText> {
    Ok(of(parts, &Bytes::new())?.len() + body.len().div_ceil(3) * 4)
}

/// The event's JSON. The path goes in as the client sent it.
///
/// # Errors
/// A header is not text.
fn of(parts: &Parts, body: &Bytes) -> Result<String, NotText> {
    let (headers, multi_headers) = headers(&parts.headers)?;
    let (query, multi_query) = query(parts.uri.query().unwrap_or_default());
    let path = parts.uri.path();
    let encoded = (!body.is_empty()).then(|| BASE64_STANDARD.encode(body));
    let event = json!({
        "resource": RESOURCE,
        "path": path,
        "httpMethod": parts.method.as_str(),
        "headers": headers,
        "multiValueHeaders": multi_headers,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": multi_query,
        "pathParameters": { "path": path.strip_prefix("/upload/").unwrap_or(path) },
        "stageVariables": null,
        "requestContext": context(parts, path),
        "isBase64Encoded": encoded.is_some(),
        "body": encoded,
    });
    Ok(event.to_string())
}

fn context(parts: &Parts, path: &str) -> Value {
    json!({
        "resourcePath": RESOURCE,
        "httpMethod": parts.method.as_str(),
        "path": path,
        "protocol": "HTTP/1.1",
        // A stage's name would be one more prefix of every path.
        "stage": null,
        "apiId": API_ID,
        "requestId": id(parts),
        "identity": { "sourceIp": parts.extensions.get().and_then(|client: &Client| client.address()) },
    })
}

fn id(parts: &Parts) -> String {
    parts.extensions.get().map_or_else(request_id, |seen: &Seen| seen.request_id().to_owned())
}

type Single = BTreeMap<String, String>;
type Multiple = BTreeMap<String, Vec<String>>;

fn headers(headers: &HeaderMap) -> Result<(Single, Multiple), NotText> {
    let mut multiple = Multiple::new();
    for (name, value) in headers {
        multiple.entry(name.as_str().to_owned()).or_default().push(text(value)?.to_owned());
    }
    multiple.insert("host".into(), vec![host(headers)]);
    // Several lines of one header mean the same as one with commas (RFC 9110, section 5.3).
    let single = multiple.iter().map(|(name, values)| (name.clone(), values.join(", "))).collect();
    Ok((single, multiple))
}

fn host(headers: &HeaderMap) -> String {
    let named = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_authority(named) { named.to_owned() } else { "localhost".to_owned() }
}

fn query(query: &str) -> (Single, Multiple) {
    let mut multiple = Multiple::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        multiple.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    (last(&multiple), multiple)
}

/// Where a name comes several times, the single-value map has the last.
fn last(multiple: &Multiple) -> Single {
    multiple.iter().filter_map(|(name, values)| Some((name.clone(), values.last()?.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use satchel_core::head::RawHead;
    use satchel_lambda::{event, received};
    use satchel_listener::Peer;

    use super::{super::head, *};
    use crate::proxies::TrustedProxies;

    /// An event as a function on Lambda gets it.
    fn parse(event: &str) -> RawHead {
        event::read(received::request(event).unwrap()).0
    }

    /// `requestContext.identity.sourceIp`, and the scheme and authority that the headers tell.
    fn seen(trusted: &str) -> (Value, String) {
        let request = http::Request::put("/upload/u/a?v=0").header("host", "files.example:8080");
        let request = request.header("x-forwarded-for", "192.0.2.1").header("x-forwarded-proto", "https");
        let (mut parts, ()) = request.header("x-forwarded-host", "spoofed.example").body(()).unwrap().into_parts();
        let peer = Peer::Ip([127, 0, 0, 1].into());
        let client = TrustedProxies::parse(trusted).unwrap().settle(peer, &mut parts);
        parts.extensions.insert(client);
        let event = of(&parts, &Bytes::new()).unwrap();
        let json: Value = serde_json::from_str(&event).unwrap();
        let address = parse(&event).address().into_owned();
        let origin = address.strip_suffix("/upload/u/a").unwrap().to_owned();
        (json["requestContext"]["identity"]["sourceIp"].clone(), origin)
    }

    #[test]
    fn functions_see_the_address_and_scheme_that_a_trusted_proxy_names() {
        assert_eq!(seen("127.0.0.1"), ("192.0.2.1".into(), "https://files.example:8080".into()));
        assert_eq!(seen("192.0.2.1"), ("127.0.0.1".into(), "http://files.example:8080".into()));
    }

    #[test]
    fn a_head_is_what_its_event_says() {
        let long = "x".repeat(300);
        for (uri, headers) in [
            ("/upload/u/a%20b?v=0&v=1&%76=2&empty&plus=a+b", &[("host", "files.example:8080")][..]),
            ("/upload/../a//b", &[("host", "[::1]:80"), ("accept", "a"), ("accept", "b"), ("x-a", "ä")]),
            ("/upload/", &[("x-long", &long), ("content-length", "5"), ("authorization", "Bearer a.b.c")]),
            ("/upload/a?&&=&%ff=%", &[]),
        ] {
            let request = headers.iter().fold(http::Request::put(uri), |request, (name, value)| {
                request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
            });
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            parts.extensions.insert(Seen::of_request("gateway", parts.method.clone(), "7bed".to_owned()));
            let by_event = parse(&of(&parts, &Bytes::new()).unwrap());
            let head = head::of(&parts, 0).unwrap();
            assert_eq!((&head.method, &head.headers), (&by_event.method, &by_event.headers), "{uri}");
            let mut by_name = head.query.clone();
            by_name.sort_by(|one, other| one.0.cmp(&other.0));
            let mut of_event = by_event.query.clone();
            of_event.sort_by(|one, other| one.0.cmp(&other.0));
            assert_eq!(by_name, of_event, "{uri}: each name's values in their order");
            assert_eq!((&head.path, head.encoding), (&by_event.path, by_event.encoding), "{uri}");
            assert_eq!((head.address(), &head.stage), (by_event.address(), &by_event.stage), "{uri}");
        }
    }

    #[test]
    fn a_header_that_is_not_text_has_no_event() {
        let request = http::Request::put("/upload/a").header("x-a", HeaderValue::from_bytes(b"\xff").unwrap());
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert!(of(&parts, &Bytes::new()).is_err());
    }
}
