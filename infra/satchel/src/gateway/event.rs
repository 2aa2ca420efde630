//! HTTP requests as the events that a REST API's Lambda proxy integration sends (AWS: "Input format of a
//! Lambda function for proxy integration").

use std::collections::{BTreeMap, HashMap};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Version, header::HOST, request::Parts};
use lambda_http::{
    Body, Request, RequestExt, aws_lambda_events::apigw::ApiGatewayProxyRequestContext, request::RequestContext,
};
use satchel_lambda::received;
use satchel_telemetry::arrival::Seen;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::{proxies::Client, request_id::request_id};

/// The resource of template.yaml.
const RESOURCE: &str = "/upload/{path+}";
const API_ID: &str = "local";
/// Of a request that names no host.
const LOCALHOST: HeaderValue = HeaderValue::from_static("localhost");

/// A request that cannot become an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Headers or query that JSON cannot take.
    #[error("the request has headers or a query that are not text")]
    Malformed,
}

/// Bytes that a body takes in an event.
pub fn body_len(body: &Bytes) -> usize {
    body.len().div_ceil(3) * 4
}

/// The event's JSON. The path goes in as the client sent it.
///
/// # Errors
/// A header is not text.
pub fn of(parts: &Parts, body: Bytes) -> Result<String, EventError> {
    let (headers, multi_headers) = headers(&parts.headers)?;
    let (query, multi_query) = query(parts.uri.query().unwrap_or_default());
    let path = parts.uri.path();
    let encoded = (!body.is_empty()).then(|| BASE64_STANDARD.encode(&body));
    drop(body);
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

/// The head of a request that [names one host](names_one_host), as [`parse`] reads it off the event that [`of`] makes of it,
/// without the detour through JSON.
///
/// # Errors
/// A header is not text.
pub fn head(parts: &Parts) -> Result<Request, EventError> {
    let mut multiple: HashMap<String, Vec<String>> = HashMap::new();
    for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        multiple.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    let mut context = ApiGatewayProxyRequestContext::default();
    context.request_id = Some(id(parts));
    let mut request = Request::new(Body::Empty)
        .with_raw_http_path(parts.uri.path())
        .with_query_string_parameters(multiple)
        .with_request_context(RequestContext::ApiGatewayV1(context));
    *request.method_mut() = parts.method.clone();
    *request.headers_mut() = joined(&parts.headers)?;
    Ok(request)
}

/// One line for each header.
fn joined(headers: &HeaderMap) -> Result<HeaderMap, EventError> {
    let mut joined = HeaderMap::with_capacity(headers.len());
    for name in headers.keys() {
        let lines = headers.get_all(name).iter();
        let texts: Vec<&str> = lines.map(text).collect::<Result<_, _>>()?;
        let value = match (headers.get(name), &*texts) {
            (Some(only), [_]) => only.clone(),
            _ => HeaderValue::from_str(&texts.join(", ")).map_err(|_| EventError::Malformed)?,
        };
        joined.insert(name.clone(), value);
    }
    joined.entry(HOST).or_insert(LOCALHOST);
    Ok(joined)
}

fn text(value: &HeaderValue) -> Result<&str, EventError> {
    str::from_utf8(value.as_bytes()).map_err(|_| EventError::Malformed)
}

/// Reads an event back, the way a Lambda function does.
pub fn parse(event: &str) -> Result<Request, EventError> {
    received::request(event).ok_or(EventError::Malformed)
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

fn headers(headers: &HeaderMap) -> Result<(Single, Multiple), EventError> {
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

fn is_authority(host: &str) -> bool {
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
    use satchel_aws::event as read;
    use satchel_listener::Peer;

    use super::*;
    use crate::proxies::TrustedProxies;

    /// `requestContext.identity.sourceIp`, and the scheme and authority that the headers tell.
    fn seen(trusted: &str) -> (Value, String) {
        let request = http::Request::put("/upload/u/a?v=0").header("host", "files.example:8080");
        let request = request.header("x-forwarded-for", "192.0.2.1").header("x-forwarded-proto", "https");
        let (mut parts, ()) = request.header("x-forwarded-host", "spoofed.example").body(()).unwrap().into_parts();
        let peer = Peer::Ip([127, 0, 0, 1].into());
        let client = TrustedProxies::parse(trusted).unwrap().settle(peer, &mut parts);
        parts.extensions.insert(client);
        let event = of(&parts, Bytes::new()).unwrap();
        let json: Value = serde_json::from_str(&event).unwrap();
        let request = parse(&event).unwrap();
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let origin = format!("{}://{}", header("x-forwarded-proto").unwrap_or("http"), header("host").unwrap());
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
            parts.extensions.insert(Seen::at_gateway("gateway", parts.method.clone(), "7bed".to_owned()));
            let by_event = parse(&of(&parts, Bytes::new()).unwrap()).unwrap();
            let head = head(&parts).unwrap();
            assert_eq!((head.method(), head.headers()), (by_event.method(), by_event.headers()), "{uri}");
            assert_eq!(head.query_string_parameters(), by_event.query_string_parameters(), "{uri}");
            assert_eq!(head.raw_http_path(), by_event.raw_http_path(), "{uri}");
            let read = |request| (read::address(request), read::stage(request).map(str::to_owned), id_of(request));
            assert_eq!(read(&head), read(&by_event), "{uri}");
        }
    }

    fn id_of(request: &Request) -> Option<String> {
        read::request_id(request).map(str::to_owned)
    }

    #[test]
    fn a_header_that_is_not_text_has_neither_head_nor_event() {
        let request = http::Request::put("/upload/a").header("x-a", HeaderValue::from_bytes(b"\xff").unwrap());
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert!(head(&parts).is_err() && of(&parts, Bytes::new()).is_err());
    }
}
