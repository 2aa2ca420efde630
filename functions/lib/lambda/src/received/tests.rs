//! What is taken for a request, and that nothing else ends the process.

use http::StatusCode;
use lambda_http::{Adapter, Body, Context, LambdaEvent, RequestExt, Response, Service, service_fn};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{event, malformed::MalformedEvent};

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

fn without_host(mut event: Value) -> Value {
    event["headers"] = json!({});
    event["requestContext"]["domainName"] = json!(null);
    event
}

fn merge(event: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
}

fn parse(event: &Value) -> Option<Request> {
    request(&event.to_string())
}

#[test]
fn rest_apis_decode_parameters_and_http_apis_paths() {
    for (event, path, parameter) in
        [(rest(&json!({})), "/upload/a%20b", "first"), (http(&json!({})), "/upload/a b", "1")]
    {
        let request = parse(&event).unwrap();
        assert_eq!(event::request_id(&request), Some("r"));
        let (head, _) = event::read(request);
        assert_eq!(head.path, path);
        assert_eq!((head.parameter("v"), head.header("content-type")), (Some(parameter), Some("text/plain")));
    }
}

#[test]
fn a_body_is_text_or_decoded() {
    for (body, base64, expected) in [
        (json!("AP/+Cg=="), true, Body::Binary(vec![0, 255, 254, 10])),
        (json!(""), true, Body::Binary(vec![])),
        (json!("t\u{e9}xt \"\\\n"), false, Body::Text("t\u{e9}xt \"\\\n".into())),
        (json!(null), false, Body::Empty),
    ] {
        for event in [rest, http] {
            let event = event(&json!({"body": body, "isBase64Encoded": base64}));
            assert_eq!(*parse(&event).unwrap().body(), expected, "{event}");
        }
    }
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
        rest(&json!({"headers": {"Host": "a b"}})),
        rest(&json!({"headers": {"Host": "h", "X-Forwarded-Proto": "no scheme"}})),
        rest(&json!({"body": "!", "isBase64Encoded": true})),
        rest(&json!({"body": {"a": 1}})),
        http(&json!({"rawQueryString": "a b"})),
        http(&json!({"headers": {"host": ":port"}})),
        without_host(http(&json!({"rawPath": "/a#b", "rawQueryString": "a b"}))),
        without_host(http(&json!({"rawPath": "/a?b#c", "rawQueryString": "\u{e9} d"}))),
    ] {
        assert!(parse(&event).is_none(), "{event}");
    }
    for other in ["", "[]", "null", "1", r#""text""#, r#"{"Records":[]}"#, r#"{"httpMethod":7}"#] {
        assert!(request(other).is_none(), "{other}");
    }
}

proptest! {
    #[test]
    fn no_client_ends_the_process(
        host in "[ -~]{0,12}|[a-z.:@\\[\\]]{0,8}", scheme in "https?|[ -~]{0,6}", path in "/?\\PC{0,12}", query in "\\PC{0,12}",
        stage in "(\\$default|Prod|[ -~]{0,4})?", domain: bool, body in "[A-Za-z0-9+/=_ ]{0,9}", base64: bool,
    ) {
        let headers = json!({"host": host, "x-forwarded-proto": scheme});
        let domain = if domain { json!("id.example") } else { json!(null) };
        let mut events = [rest(&json!({"path": path})), http(&json!({"rawPath": path, "rawQueryString": query}))];
        for event in &mut events {
            event["requestContext"]["stage"] = json!(stage);
            event["requestContext"]["domainName"] = domain.clone();
            merge(event, &json!({"body": body, "isBase64Encoded": base64}));
            for headers in [headers.clone(), json!({})] {
                event["headers"] = headers;
                // A panic is a failure.
                if let Some(request) = parse(event) {
                    prop_assert_eq!(request.raw_http_path(), &path);
                }
            }
        }
    }
}

/// An answer as lambda_http writes it.
async fn written(event: &Value, body: Body) -> Value {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::CONFLICT;
    // Each header once, as all functions have them: HTTP APIs get no second line of one.
    for (name, value) in [("content-type", "text/plain"), ("vary", "a, b")] {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    let mut adapter = Adapter::from(service_fn(|_: Request| {
        let response = response.clone();
        async move { Ok::<_, lambda_http::Error>(response) }
    }));
    let Received::Request(request) = serde_json::from_str(&event.to_string()).unwrap() else { panic!("{event}") };
    let answered = adapter.call(LambdaEvent::new(*request, Context::default())).await.unwrap();
    serde_json::to_value(answered).unwrap()
}

#[tokio::test]
async fn answers_have_the_shape_of_their_events() {
    let answer = written(&rest(&json!({})), Body::from("t\u{e9}xt")).await;
    assert_eq!(answer["multiValueHeaders"], json!({"content-type": ["text/plain"], "vary": ["a, b"]}));
    assert_eq!(
        (&answer["statusCode"], &answer["body"], &answer["isBase64Encoded"]),
        (&json!(409), &json!("t\u{e9}xt"), &json!(false))
    );
    let answer = written(&http(&json!({})), Body::Empty).await;
    assert_eq!(answer["headers"], json!({"content-type": "text/plain", "vary": "a, b"}));
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(409), &json!(false)));
}

#[test]
fn what_is_no_request_is_answered_400() {
    let answer = MalformedEvent.answer();
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&400.into(), &false.into()));
    assert_eq!(answer["headers"]["content-type"], "application/problem+json");
    assert!(answer.get("cookies").is_none(), "REST APIs do not know it");
    assert_eq!(answer["headers"]["access-control-allow-origin"], "*");
    let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["code"], "event_malformed");
}

#[test]
fn requests_are_told_from_other_events() {
    for event in [rest(&json!({"body": "WyJqb2huIl0=", "isBase64Encoded": true})), http(&json!({}))] {
        assert!(is_meant_as_request(&event), "{event}");
    }
    for other in [json!({"Records": []}), json!({"detail": {}}), json!(null), json!([]), json!("httpMethod")] {
        assert!(!is_meant_as_request(&other), "{other}");
    }
    assert!(is_meant_as_request(&json!({"httpMethod": 5})), "though it is none that can be read");
}
