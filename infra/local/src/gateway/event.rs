//! HTTP requests as the events that a REST API's Lambda proxy integration sends (AWS: "Input format of a
//! Lambda function for proxy integration").

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, header::HOST, request::Parts};
use lambda_http::Request;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

/// The resource of template.yaml.
const RESOURCE: &str = "/upload/{path+}";
const STAGE: &str = "local";
const API_ID: &str = "local";

/// A request that cannot become an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Headers or query that JSON, or lambda_http, cannot take.
    #[error("the request has headers or a query that are not text")]
    Malformed,
}

/// The event's JSON. The path goes in as the client sent it.
pub fn of(parts: &Parts, body: &Bytes) -> String {
    let (headers, multi_headers) = headers(&parts.headers);
    let (query, multi_query) = query(parts.uri.query().unwrap_or_default());
    let path = parts.uri.path();
    json!({
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
        "body": if body.is_empty() { Value::Null } else { BASE64_STANDARD.encode(body).into() },
        "isBase64Encoded": !body.is_empty(),
    })
    .to_string()
}

/// Reads an event back, the way a Lambda function does.
pub fn parse(event: &str) -> Result<Request, EventError> {
    lambda_http::request::from_str(event).map_err(|_| EventError::Malformed)
}

fn context(parts: &Parts, path: &str) -> Value {
    json!({
        "resourcePath": RESOURCE,
        "httpMethod": parts.method.as_str(),
        "path": path,
        "protocol": "HTTP/1.1",
        "stage": STAGE,
        "apiId": API_ID,
        "requestId": request_id(),
        "identity": {},
    })
}

fn request_id() -> String {
    let mut bytes = [0; 8];
    // An id that is not unique confuses a log and nothing else.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

type Single = BTreeMap<String, String>;
type Multiple = BTreeMap<String, Vec<String>>;

/// API Gateway sets Host and X-Forwarded-Proto itself; lambda_http makes a URL of them and would panic on
/// nonsense.
fn headers(headers: &HeaderMap) -> (Single, Multiple) {
    let mut multiple = Multiple::new();
    for (name, value) in headers {
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            multiple.entry(name.as_str().to_owned()).or_default().push(value.to_owned());
        }
    }
    multiple.insert("host".into(), vec![host(headers)]);
    multiple.insert("x-forwarded-proto".into(), vec!["http".into()]);
    (last(&multiple), multiple)
}

fn host(headers: &HeaderMap) -> String {
    let named = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_authority = Url::parse(&format!("http://{named}/")).is_ok_and(|url| url.path() == "/");
    if is_authority { named.to_owned() } else { "localhost".to_owned() }
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
