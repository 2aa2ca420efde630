//! Events are read as lambda_http reads them, and answers written as it writes them.

use http::{HeaderName, HeaderValue};
use lambda_http::{
    Body, RequestExt, Response,
    request::{self, RequestContext},
};
use serde_json::{Value, json};

use super::{event::Shape, *};
use crate::{event, log};

fn rest(changes: &Value) -> Value {
    let mut event = json!({
        "resource": "/upload/{path+}", "path": "/upload/a%20b", "httpMethod": "PUT",
        "headers": {"Host": "id.example", "content-type": "text/plain", "X-Twice": "2"},
        "multiValueHeaders": {"Host": ["id.example"], "Content-Type": ["text/plain"], "X-Twice": ["1", "2"]},
        "queryStringParameters": {"v": "last"}, "multiValueQueryStringParameters": {"v": ["first", "last"]},
        "pathParameters": {"path": "a%20b"}, "stageVariables": null,
        "requestContext": {
            "stage": "Prod", "requestId": "r", "domainName": "id.example", "path": "/Prod/upload/a%20b",
            "identity": {"sourceIp": "::1"}, "httpMethod": "PUT",
        },
        "body": null, "isBase64Encoded": false,
    });
    merge(&mut event, changes);
    event
}

fn http(changes: &Value) -> Value {
    let mut event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/upload/a b", "rawQueryString": "v=1&v=2%20&w",
        "headers": {"host": "id.example", "content-type": "text/plain"}, "queryStringParameters": {"v": "1,2 "},
        "requestContext": {
            "stage": "$default", "requestId": "r", "apiId": "id", "domainName": "id.example",
            "http": {"method": "GET", "path": "/upload/a b", "protocol": "HTTP/1.1", "sourceIp": "::1", "userAgent": "x"},
        },
        "isBase64Encoded": false,
    });
    merge(&mut event, changes);
    event
}

fn merge(event: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
}

/// All that handlers look at.
#[derive(Debug, PartialEq)]
struct Seen {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    parameters: Vec<(String, String)>,
    body: Body,
    http_api: bool,
    context: [Option<String>; 3],
}

fn seen(request: &Request) -> Seen {
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let query = request.query_string_parameters();
    let parameters = query.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let own = |text: Option<&str>| text.map(str::to_owned);
    let mut seen = Seen {
        method: request.method().to_string(),
        path: request.raw_http_path().to_owned(),
        headers: headers.collect(),
        parameters: parameters.collect(),
        body: request.body().clone(),
        http_api: matches!(request.request_context_ref(), Some(RequestContext::ApiGatewayV2(_))),
        context: [own(event::request_id(request)), own(event::stage(request)), event::own_address(request)],
    };
    seen.headers.sort();
    seen.parameters.sort();
    seen
}

#[test]
fn events_are_read_as_lambda_http_reads_them() {
    let binary = json!({"body": "AP/+Cg==", "isBase64Encoded": true});
    for event in [
        rest(&json!({})),
        rest(&binary),
        rest(&json!({"body": "t\u{e9}xt \"\\\n", "isBase64Encoded": false})),
        rest(&json!({"body": "", "isBase64Encoded": false})),
        rest(&json!({"body": "", "isBase64Encoded": true})),
        rest(&json!({"path": "/upload/\"\u{1f600}%2F", "httpMethod": "DELETE"})),
        rest(&json!({"headers": null})),
        rest(&json!({"multiValueHeaders": null})),
        rest(&json!({"headers": null, "multiValueHeaders": null, "isBase64Encoded": null})),
        rest(
            &json!({"headers": {"host": "id.example", "x-obs": "caf\u{e9}"}, "multiValueHeaders": {"X-Other": ["a", "b"]}}),
        ),
        rest(&json!({"headers": {"host": "x"}, "multiValueHeaders": {"Host": ["x"], "X-A": ["1"], "x-a": ["2"]}})),
        rest(&json!({"queryStringParameters": null, "multiValueQueryStringParameters": null})),
        rest(&json!({"multiValueQueryStringParameters": null})),
        rest(
            &json!({"queryStringParameters": {"a b": "+&=%41"}, "multiValueQueryStringParameters": {"a b": ["+&=%41"]}}),
        ),
        http(&json!({})),
        http(&binary),
        http(&json!({"body": "text"})),
        http(&json!({"rawQueryString": ""})),
        http(&json!({"rawQueryString": "a=%2B+%C3%A9&b=%FF&=c&d"})),
    ] {
        let json = event.to_string();
        let (own, theirs) = (parse(&json).unwrap(), request::from_str(&json).unwrap());
        assert_eq!(seen(&own.request), seen(&theirs), "{json}");
    }
}

fn parse(json: &str) -> Result<Event, EventError> {
    Event::parse(json.as_bytes().to_vec())
}

#[test]
fn base64_may_have_escapes_as_any_string() {
    let escaped =
        rest(&json!({"body": "AP/+Cg==", "isBase64Encoded": true})).to_string().replace("AP/+", r"AP\/\u002b");
    assert_eq!(*parse(&escaped).unwrap().request.body(), Body::Binary(vec![0, 255, 254, 10]), "{escaped}");
}

#[test]
fn what_is_no_event_is_refused_and_not_guessed_at() {
    for event in [
        json!({}),
        json!({"source": "aws.s3", "detail": {}}),
        json!({"requestContext": {}}),
        // A load balancer's.
        rest(
            &json!({"requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:x:1:targetgroup/a/b"}}}),
        ),
        rest(&json!({"httpMethod": "PUT IT"})),
        rest(&json!({"httpMethod": null})),
        rest(&json!({"headers": {"a b": "c"}})),
        rest(&json!({"headers": {"a": "b\r\nc: d"}})),
        rest(&json!({"body": "!", "isBase64Encoded": true})),
        rest(&json!({"body": {"a": 1}})),
    ] {
        assert!(parse(&event.to_string()).is_err(), "{event}");
    }
    for other in ["", "[]", "null", "1", r#""text""#, r#"{"Records":[]}"#, r#"{"httpMethod":7}"#] {
        assert!(parse(other).is_err(), "{other}");
    }
}

fn reply(shape: Shape, body: Body) -> Value {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::CONFLICT;
    for (name, value) in [("content-type", "text/plain"), ("vary", "a"), ("vary", "b")] {
        response.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for (name, value) in [("x-bytes", b"\xff"), ("x-many", b"\xff"), ("x-many", b"c")] {
        response.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
    }
    serde_json::to_value(Reply::new(shape, response)).unwrap()
}

#[test]
fn replies_have_the_shape_of_their_events() {
    let multiple = json!({"content-type": ["text/plain"], "vary": ["a", "b"], "x-many": ["c"]});
    let single = json!({"content-type": "text/plain", "vary": "a, b", "x-many": "c"});
    let rest = |changes: Value| {
        let mut reply = json!({"statusCode": 409, "multiValueHeaders": multiple, "isBase64Encoded": false});
        merge(&mut reply, &changes);
        reply
    };
    assert_eq!(reply(Shape::Rest, Body::Empty), rest(json!({})));
    assert_eq!(reply(Shape::Rest, Body::from("t\u{e9}xt")), rest(json!({"body": "t\u{e9}xt"})));
    assert_eq!(reply(Shape::Rest, Body::from(vec![0, 255])), rest(json!({"body": "AP8=", "isBase64Encoded": true})));
    let http = json!({"statusCode": 409, "headers": single, "isBase64Encoded": false, "cookies": []});
    assert_eq!(reply(Shape::Http, Body::Empty), http);
}

#[test]
fn what_is_no_http_event_is_answered_400() {
    let answer = MalformedEvent.answer(&CloudWatch::from_environment(), &log::Seen::of_event("upload", "r".into()));
    let answer = serde_json::to_value(answer).unwrap();
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&400.into(), &false.into()));
    assert_eq!(answer["headers"]["content-type"], "application/problem+json");
    assert!(answer.get("cookies").is_none(), "REST APIs do not know it");
    assert_eq!(answer["headers"]["access-control-allow-origin"], "*");
    let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["code"], "event_malformed");
}

#[cfg(feature = "https")]
#[test]
fn http_events_are_told_from_others() {
    for event in [rest(&json!({"body": "WyJqb2huIl0=", "isBase64Encoded": true})), http(&json!({}))] {
        assert!(Event::is_in(&event), "{event}");
    }
    for other in [json!({"Records": []}), json!({"detail": {}}), json!(null), json!([]), json!("httpMethod")] {
        assert!(!Event::is_in(&other), "{other}");
    }
    assert!(Event::is_in(&json!({"httpMethod": 5})), "though it is none that can be read");
}
