//! Every shape of event that a function may be invoked with.

use satchel_aws::state::State;
use satchel_core::{answer::Answer, config::FromEnvironment};
use satchel_download::DownloadConfig;
use satchel_seal::SealConfig;
use satchel_telemetry::clock::Clock;
use satchel_upload::UploadConfig;
use serde_json::{Value, json};

use crate::support::{PlainS3, Request, World, follow_with, invoked, tokens};

struct Functions {
    seal: satchel_seal::State,
    upload: satchel_upload::State,
    download: satchel_download::State,
}

impl Functions {
    fn of(world: &World) -> Self {
        let lookup = |name: &str| match name {
            "SATCHEL_PUBLIC_URL" => None,
            name => Some(world.variable(name)),
        };
        let sdk = world.sdk();
        Self {
            seal: State::new(SealConfig::parse(lookup).unwrap(), &sdk, Clock::System),
            upload: State::new(UploadConfig::parse(lookup).unwrap(), &sdk, Clock::System),
            download: State::new(DownloadConfig::parse(lookup).unwrap(), &sdk, Clock::System),
        }
    }

    async fn put(&self, event: &Value) -> Answer {
        let (head, body) = invoked(event);
        satchel_upload::handle(&self.upload, head, body).await
    }

    async fn get(&self, event: &Value) -> Answer {
        satchel_download::handle(&self.download, invoked(event).0).await
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
    let world = World::with_s3().await;
    let functions = Functions::of(&world);
    assert_eq!(functions.put(&rest("PUT", &tokens::v1("u/a b", 5), "hello")).await.status(), 201);
    assert_eq!(functions.put(&rest("PUT", &tokens::v1("u/empty", 0), "")).await.status(), 201);
    assert_eq!(functions.get(&rest("GET", "/upload/u/a%20b", "")).await.status(), 307);
    assert_eq!(functions.get(&rest("GET", "/Prod/upload/u/a%20b", "")).await.status(), 307, "below the stage");
    world.stop().await;
}

#[tokio::test]
async fn an_http_apis_decoded_path_is_understood() {
    let world = World::with_s3().await;
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
    let world = World::with_s3().await;
    let functions = Functions::of(&world);
    let signed = tokens::v1("u/a b%c", 5);
    let (path, signature) = query(&signed);
    assert_eq!(functions.put(&http_api("PUT", path, signature, "hello")).await.status(), 201);
    assert_eq!(functions.get(&http_api("GET", path, "", "")).await.status(), 307);
    world.stop().await;
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_stores_nothing() {
    let world = World::with_s3().await;
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
    let world = World::with_s3().await;
    let functions = Functions::of(&world);
    for header in ["Content-Length", "X-Upload-Length"] {
        let mut event = rest("PUT", &tokens::v1("u/a", 500), "");
        event["headers"][header] = "500".into();
        let response = functions.put(&event).await;
        assert_eq!(response.status(), 307, "{header}");
        let location = response.response.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.contains("/incoming/u/a/") && location.contains("content-length%3Bhost"), "{header}");
    }
    assert!(world.is_empty().await);
    world.stop().await;
}

/// What S3 says of a new object, in S3's own shape and in EventBridge's.
fn created(key: &str, size: u64, etag: &str) -> [Value; 2] {
    let encoded = tokens::target(key).replacen("/upload/", "", 1).replace("%20", "+");
    [
        json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {
            "bucket": {"name": "satchel"}, "object": {"key": encoded, "size": size, "eTag": etag},
        }}]}),
        json!({"source": "aws.s3", "detail-type": "Object Created", "detail": {
            "bucket": {"name": "satchel"}, "object": {"key": key, "size": size, "etag": etag},
        }}),
    ]
}

/// Puts a body where a redirect says; gives its key and ETag.
async fn upload(world: &World, path: &str, body: &[u8]) -> (String, String) {
    let length = body.len().to_string();
    let redirect =
        world.send(&Request::new("PUT", &tokens::v1(path, body.len())).header("X-Upload-Length", length)).await;
    let put = follow_with(&redirect, "PUT", &[], body).await;
    let key = percent_encoding::percent_decode_str(redirect.location().path()).decode_utf8().unwrap().into_owned();
    (key.strip_prefix("/satchel/").unwrap().to_owned(), put.header("etag").unwrap().trim_matches('"').to_owned())
}

#[tokio::test]
async fn an_s3_event_of_either_shape_seals_once_however_often_it_comes() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    let functions = Functions::of(&world);
    for (number, path) in ["u/plain", "u/a b+ü%.txt"].into_iter().enumerate() {
        for shape in 0..2 {
            let path = format!("{path}{number}{shape}");
            let (key, etag) = upload(&world, &path, b"hello").await;
            let event = &created(&key, 5, &etag)[shape];
            let sealed = satchel_seal::handle(&functions.seal, event.clone()).await.unwrap();
            assert_eq!((&sealed["sealed"], &sealed["sealed_bytes"]), (&json!(1), &json!(5)), "{path}");
            assert_eq!(world.keys("incoming/").await, [] as [&str; 0], "{path}");
            let again = satchel_seal::handle(&functions.seal, event.clone()).await.unwrap();
            assert_eq!(again["sealed_before"], 1, "it is sealed, as the event asks: {path}");
            assert_eq!(world.fetch(&tokens::target(&path)).await.body, b"hello", "{path}");
        }
    }
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn an_event_for_another_size_or_another_body_seals_nothing_wrong() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    let functions = Functions::of(&world);
    let (key, _) = upload(&world, "u/a", b"hello").await;
    // The event of a body that another PUT has replaced: that PUT's own event will seal.
    let stale = created(&key, 5, "00000000000000000000000000000000")[1].clone();
    assert_eq!(satchel_seal::handle(&functions.seal, stale).await.unwrap()["gone"], 1);
    assert!(world.keys("uploads/").await.is_empty());
    let larger = created(&key, 6, "x")[1].clone();
    assert_eq!(satchel_seal::handle(&functions.seal, larger).await.unwrap()["wrong_size"], 1);
    assert!(world.is_empty().await);
    for foreign in ["uploads/u/a", "incoming/u/a", "elsewhere"] {
        let nothing = satchel_seal::handle(&functions.seal, created(foreign, 5, "x")[1].clone()).await.unwrap();
        let counts = nothing.as_object().unwrap();
        assert!(counts.len() > 4 && counts.values().all(|count| *count == 0), "{foreign}: {nothing}");
    }
    assert!(satchel_seal::handle(&functions.seal, json!({"nonsense": 1})).await.is_err());
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn an_event_that_storage_fails_is_delivered_again() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    let functions = Functions::of(&world);
    let (key, etag) = upload(&world, "u/a", b"hello").await;
    s3.stop().await;
    assert!(satchel_seal::handle(&functions.seal, created(&key, 5, &etag)[0].clone()).await.is_err());
    world.stop().await;
}
