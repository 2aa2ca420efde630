//! HTTP requests and answers as JSON, for a function that gets other events as well (AWS: "Output format of a Lambda
//! function for proxy integration", which HTTP APIs and Function URLs understand, too).

use http::HeaderMap;
use lambda_http::{Body, Request, Response};
use serde_json::{Map, Value, json};

/// Reads an HTTP event of any of API Gateway's shapes; `None` for an event of another kind.
///
/// # Errors
/// It looks like one, and cannot be read.
pub fn request(event: &Value) -> Option<serde_json::Result<Request>> {
    let is_http = event.get("httpMethod").is_some() || event.pointer("/requestContext/http").is_some();
    is_http.then(|| lambda_http::request::from_str(&event.to_string()))
}

/// Writes an answer whose headers each come once.
#[must_use]
pub fn response(response: Response<Body>) -> Value {
    let (parts, body) = response.into_parts();
    let mut answer = json!({
        "statusCode": parts.status.as_u16(),
        "headers": headers(&parts.headers),
        "isBase64Encoded": matches!(body, Body::Binary(_)),
    });
    if !matches!(body, Body::Empty) {
        answer["body"] = json!(body);
    }
    answer
}

fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let text = headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.into())));
    text.collect()
}

#[cfg(test)]
mod tests {
    use lambda_http::RequestExt;

    use super::*;

    #[test]
    fn http_events_are_told_from_others() {
        let rest = json!({
            "httpMethod": "POST", "path": "/contacts/refresh", "headers": {"Host": "x"}, "multiValueHeaders": {},
            "requestContext": {"stage": "prod", "requestId": "r", "httpMethod": "POST"},
            "body": "WyJqb2huIl0=", "isBase64Encoded": true,
        });
        let request = super::request(&rest).unwrap().unwrap();
        assert_eq!((request.raw_http_path(), &**request.body()), ("/contacts/refresh", b"[\"john\"]".as_slice()));
        let http = json!({
            "version": "2.0", "rawPath": "/contacts/refresh", "rawQueryString": "replace=true", "headers": {},
            "requestContext": {"stage": "$default", "http": {"method": "POST", "path": "/contacts/refresh"}},
        });
        let request = super::request(&http).unwrap().unwrap();
        assert_eq!(request.raw_http_path(), "/contacts/refresh");
        for other in [json!({"Records": []}), json!({"detail": {}}), json!(null), json!([]), json!("httpMethod")] {
            assert!(super::request(&other).is_none(), "{other}");
        }
        assert!(super::request(&json!({"httpMethod": 5})).unwrap().is_err());
    }

    #[test]
    fn answers_become_what_api_gateway_takes() {
        let built = Response::builder().status(201).header("ETag", "\"a\"").body(Body::from("text")).unwrap();
        assert_eq!(
            response(built),
            json!({"statusCode": 201, "headers": {"etag": "\"a\""}, "isBase64Encoded": false, "body": "text"})
        );
        let binary = response(Response::new(Body::from(b"ab".as_slice())));
        assert_eq!((&binary["isBase64Encoded"], &binary["body"]), (&json!(true), &json!("YWI=")));
        assert!(response(Response::new(Body::Empty)).get("body").is_none());
    }
}
