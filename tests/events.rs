//! Every shape of event that a function may be invoked with.

use lambda_http::{Body, Response, request};
use satchel_aws::{clock::Clock, state::State};
use satchel_core::config::{DownloadConfig, UploadConfig};
use serde_json::{Value, json};

use crate::support::{World, tokens};

struct Functions {
    upload: satchel_upload::State,
    download: satchel_download::State,
}

impl Functions {
    fn of(world: &World) -> Self {
        let endpoint = format!("http://{}", world.stack.s3_address().unwrap());
        let lookup = |name: &str| match name {
            "AWS_ENDPOINT_URL_S3" => Some(endpoint.clone()),
            "SATCHEL_PUBLIC_URL" => None,
            name => Some(world.variable(name)),
        };
        let credentials = world.credentials();
        Self {
            upload: State::new(UploadConfig::parse(lookup).unwrap(), credentials.clone(), Clock::System),
            download: State::new(DownloadConfig::parse(lookup).unwrap(), credentials, Clock::System),
        }
    }

    async fn put(&self, event: &Value) -> Response<Body> {
        satchel_upload::handle(&self.upload, request::from_str(&event.to_string()).unwrap()).await
    }

    async fn get(&self, event: &Value) -> Response<Body> {
        satchel_download::handle(&self.download, request::from_str(&event.to_string()).unwrap()).await
    }
}

fn query(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

fn rest(method: &str, target: &str, body: &str) -> Value {
    let (path, query) = query(target);
    let parameters: serde_json::Map<String, Value> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    json!({
        "resource": "/upload/{path+}", "path": path, "httpMethod": method,
        "headers": {"Host": "id.execute-api.eu-central-1.amazonaws.com", "Content-Type": "text/plain"},
        "multiValueHeaders": {"Host": ["id.execute-api.eu-central-1.amazonaws.com"], "Content-Type": ["text/plain"]},
        "queryStringParameters": parameters, "multiValueQueryStringParameters": null,
        "requestContext": {"stage": "Prod", "path": format!("/Prod{path}"), "requestId": "r", "identity": {}, "httpMethod": method},
        "body": if body.is_empty() { Value::Null } else { body.into() }, "isBase64Encoded": false,
    })
}

fn http_api(method: &str, decoded_path: &str, query: &str, body: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": decoded_path, "rawQueryString": query,
        "headers": {"content-type": "text/plain", "content-length": body.len().to_string()},
        "requestContext": {
            "stage": "$default", "requestId": "r", "apiId": "id", "accountId": "1", "domainName": "id.example",
            "http": {"method": method, "path": decoded_path, "protocol": "HTTP/1.1", "sourceIp": "::1", "userAgent": "x"},
        },
        "body": if body.is_empty() { Value::Null } else { body.into() }, "isBase64Encoded": false,
    })
}

#[tokio::test]
async fn a_rest_event_needs_no_content_length() {
    let world = World::new().await;
    let functions = Functions::of(&world);
    assert_eq!(functions.put(&rest("PUT", &tokens::v1("u/a b", 5), "hello")).await.status(), 201);
    assert_eq!(functions.put(&rest("PUT", &tokens::v1("u/empty", 0), "")).await.status(), 201);
    assert_eq!(functions.get(&rest("GET", "/upload/u/a%20b", "")).await.status(), 307);
    assert_eq!(functions.get(&rest("GET", "/Prod/upload/u/a%20b", "")).await.status(), 307, "below the stage");
    world.stop().await;
}

#[tokio::test]
async fn an_http_apis_decoded_path_is_understood() {
    let world = World::new().await;
    let functions = Functions::of(&world);
    for path in ["u/a b", "u/a%20b", "u/100%", "u/é+&"] {
        let signed = tokens::v1(path, 5);
        let event = http_api("PUT", &format!("/upload/{path}"), query(&signed).1, "hello");
        assert_eq!(functions.put(&event).await.status(), 201, "{path}");
        assert_eq!(functions.get(&http_api("GET", &format!("/upload/{path}"), "", "")).await.status(), 307, "{path}");
        assert_eq!(world.fetch(&tokens::target(path)).await.body, b"hello", "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_function_urls_path_is_understood_as_sent() {
    let world = World::new().await;
    let functions = Functions::of(&world);
    let signed = tokens::v1("u/a b%c", 5);
    let (path, signature) = query(&signed);
    assert_eq!(functions.put(&http_api("PUT", path, signature, "hello")).await.status(), 201);
    assert_eq!(functions.get(&http_api("GET", path, "", "")).await.status(), 307);
    world.stop().await;
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_stores_nothing() {
    let world = World::new().await;
    let functions = Functions::of(&world);
    for (announced, body) in [("4", "hello"), ("6", "hello")] {
        let mut event = rest("PUT", &tokens::v1("u/a", 5), body);
        event["headers"]["Content-Length"] = announced.into();
        let response = functions.put(&event).await;
        assert_eq!(response.status(), 413, "{announced}");
    }
    let mut event = rest("PUT", &tokens::v1("u/a", 5), "hello");
    event["headers"]["Content-Length"] = "five".into();
    assert_eq!(functions.put(&event).await.status(), 400);
    assert!(world.is_empty().await);
    world.stop().await;
}

#[tokio::test]
async fn a_put_without_its_body_is_redirected() {
    let world = World::new().await;
    let functions = Functions::of(&world);
    for header in ["Content-Length", "X-Upload-Length"] {
        let mut event = rest("PUT", &tokens::v1("u/a", 500), "");
        event["headers"][header] = "500".into();
        let response = functions.put(&event).await;
        assert_eq!(response.status(), 307, "{header}");
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.contains("/incoming/u/a/") && location.contains("content-length%3Bhost"), "{header}");
    }
    assert!(world.is_empty().await);
    world.stop().await;
}
