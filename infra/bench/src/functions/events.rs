//! Events as a REST API, S3 and mod_component_http make them.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use crate::tokens::token;

/// What mod_component_http and mod_http_roster_admin would send.
pub const CREDENTIALS: &str = "prosody:measured";

const HOST: &str = "id12345678.execute-api.us-east-1.amazonaws.com";

/// An HTTP request as API Gateway's REST APIs pass it on (AWS: "Input format of a Lambda function for proxy
/// integration"), with the headers that a client, CloudFront and the gateway itself add.
pub fn rest(method: &str, path: &str, query: &[(&str, &str)], headers: &[(&str, &str)], body: Option<&[u8]>) -> String {
    let length = body.map_or(0, <[u8]>::len).to_string();
    let mut all = vec![
        ("Accept", "*/*"),
        ("CloudFront-Forwarded-Proto", "https"),
        ("CloudFront-Viewer-Country", "IT"),
        ("Content-Length", length.as_str()),
        ("Host", HOST),
        ("User-Agent", "Conversations/2.17.2"),
        ("Via", "1.1 1234567890abcdef1234567890abcdef.cloudfront.net (CloudFront)"),
        ("X-Amz-Cf-Id", "NBCWBhtcaHVVtIkhVNpGIg3TwHZcIqLYVAV0aCDYpdhJqjYIGnTLGQ=="),
        ("X-Amzn-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
        ("X-Forwarded-For", "192.0.2.44, 192.0.2.45"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    // A front announces another length than its own body has.
    all.retain(|(name, _)| !headers.iter().any(|(own, _)| own == name));
    all.extend(headers);
    let (resource, parameters) = resource(path);
    let event = json!({
        "resource": &resource,
        "path": path,
        "httpMethod": method,
        "headers": single(&all),
        "multiValueHeaders": multiple(&all),
        "queryStringParameters": if query.is_empty() { Value::Null } else { single(query) },
        "multiValueQueryStringParameters": if query.is_empty() { Value::Null } else { multiple(query) },
        "pathParameters": parameters,
        "stageVariables": null,
        "requestContext": context(method, path, &resource),
        "body": body.map(|body| BASE64_STANDARD.encode(body)),
        "isBase64Encoded": body.is_some(),
    });
    event.to_string()
}

/// The resource that a path belongs to, and its parameters.
fn resource(path: &str) -> (String, Value) {
    match path.trim_start_matches('/').split_once('/') {
        Some((top, rest)) => (format!("/{top}/{{path+}}"), json!({"path": rest})),
        None => (path.to_owned(), Value::Null),
    }
}

fn context(method: &str, path: &str, resource: &str) -> Value {
    json!({
        "resourceId": "abc123", "resourcePath": resource, "httpMethod": method,
        "extendedRequestId": "Rm9vQmFyQmF6PT0=", "requestTime": "16/Nov/2018:23:10:31 +0000",
        "path": format!("/Prod{path}"), "accountId": "123456789012", "protocol": "HTTP/1.1", "stage": "Prod",
        "domainPrefix": "id12345678", "requestTimeEpoch": 1_542_409_831_000_u64,
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "identity": {
            "cognitoIdentityPoolId": null, "accountId": null, "cognitoIdentityId": null, "caller": null,
            "sourceIp": "192.0.2.44", "principalOrgId": null, "accessKey": null,
            "cognitoAuthenticationType": null, "cognitoAuthenticationProvider": null, "userArn": null,
            "userAgent": "Conversations/2.17.2", "user": null,
        },
        "domainName": HOST, "apiId": "id12345678",
    })
}

fn single(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>().into()
}

fn multiple(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect::<Map<_, _>>().into()
}

/// A slot request as mod_component_http posts it, with its credentials.
pub fn slot_request() -> String {
    let stanza = "<iq xmlns='jabber:client' type='get' id='i1' from='romeo@example.org/r' to='upload.example.org'>\
        <request xmlns='urn:xmpp:http:upload:0' filename='balcony.jpg' size='3145728' content-type='image/jpeg'/></iq>";
    let from = "romeo@example.org/r";
    let body = json!({"to": "upload.example.org", "from": from, "kind": "iq", "stanza": stanza}).to_string();
    let (authorization, form) = (authorization(), "application/x-www-form-urlencoded");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", form)];
    rest("POST", "/component", &[], &headers, Some(body.as_bytes()))
}

/// The start of an upload that can be resumed, as clients of the tus protocol make it (tus 1.0, "Creation").
pub fn creation(path: &str, length: u64) -> String {
    let announced = length.to_string();
    // "balcony.jpg".
    let metadata = "filename YmFsY29ueS5qcGc=";
    let headers = [("Tus-Resumable", "1.0.0"), ("Upload-Length", announced.as_str()), ("Upload-Metadata", metadata)];
    rest("POST", &format!("/resume/{path}"), &[("v", &token(path, length))], &headers, None)
}

/// A fetch as mod_http_roster_admin makes it when a user comes online.
pub fn roster_fetch(username: &str) -> String {
    rest("GET", &format!("/contacts/{username}"), &[], &[("Authorization", &authorization())], None)
}

/// A request to refresh the roster of one user.
pub fn roster_refresh(username: &str) -> String {
    let body = json!([username]).to_string();
    let headers = [("Authorization", &*authorization()), ("Content-Type", "application/json")];
    rest("POST", "/contacts/refresh", &[], &headers, Some(body.as_bytes()))
}

/// A stored roster with as many contacts as people have.
pub fn roster() -> String {
    let contact = |number: usize| {
        let contact = json!({"name": format!("Contact {number}"), "groups": ["Friends"]});
        (format!("contact{number}@example.org"), contact)
    };
    json!({"contacts": (0..30).map(contact).collect::<Map<_, _>>()}).to_string()
}

/// What template.yaml has EventBridge Scheduler send.
pub fn hourly() -> String {
    json!({}).to_string()
}

fn authorization() -> String {
    format!("Basic {}", BASE64_STANDARD.encode(CREDENTIALS))
}

/// What EventBridge says of a new object (AWS: "EventBridge event structure for Amazon S3").
pub fn object_created(bucket: &str, key: &str, size: usize, etag: &str) -> String {
    let event = json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created",
        "source": "aws.s3", "account": "123456789012", "time": "2021-11-12T00:00:00Z", "region": "us-east-1",
        "resources": [format!("arn:aws:s3:::{bucket}")],
        "detail": {
            "version": "0", "bucket": {"name": bucket},
            "object": {"key": key, "size": size, "etag": etag, "sequencer": "00617F08299329D189"},
            "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012",
            "source-ip-address": "192.0.2.44", "reason": "PutObject",
        },
    });
    event.to_string()
}
