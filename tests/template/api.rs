//! The API: which function a request comes to, and the answers that API Gateway gives by itself.

use satchel::{
    any_store::AnyStore,
    functions::{Configs, Functions},
    settings::Settings,
};
use satchel_aws::storage::Storage;
use satchel_core::cors;
use satchel_resume::limits::EVENT_BODY_BYTES;
use satchel_telemetry::clock::Clock;
use serde_json::json;

use crate::support::{
    PlainS3, invoked,
    template::{Template, matches as path_matches},
};

/// API Gateway gives up after 29 s (AWS: "Quotas for REST APIs").
const API_TIMEOUT: u64 = 29;

/// Addresses that clients, XMPP servers and fronts know, and who answers them.
const ADDRESSES: [(&str, &str, &str); 28] = [
    ("PUT", "/upload/folder/file.txt", "upload"),
    ("DELETE", "/upload/folder/file.txt", "upload"),
    ("OPTIONS", "/upload/folder/file.txt", "upload"),
    ("POST", "/upload/folder/file.txt", "upload"),
    ("PATCH", "/upload/folder/file.txt", "upload"),
    ("PUT", "/authorize/upload/folder/file.txt", "upload"),
    ("GET", "/upload/folder/file.txt", "download"),
    ("HEAD", "/upload/folder/file.txt", "download"),
    ("POST", "/resume/folder/file.txt", "resume"),
    ("PATCH", "/resume/folder/file.txt", "resume"),
    ("HEAD", "/resume/folder/file.txt", "resume"),
    ("DELETE", "/resume/folder/file.txt", "resume"),
    ("OPTIONS", "/resume/folder/file.txt", "resume"),
    ("PUT", "/resume/folder/file.txt", "resume"),
    ("OPTIONS", "/resume", "resume"),
    ("GET", "/contacts/romeo", "roster-fetch"),
    ("PUT", "/contacts/romeo", "roster-fetch"),
    ("DELETE", "/contacts/romeo/juliet@example.org", "roster-fetch"),
    ("GET", "/raw/contacts/romeo", "roster-fetch"),
    ("GET", "/groups/team", "roster-fetch"),
    ("PUT", "/groups/team", "roster-fetch"),
    ("DELETE", "/groups/team", "roster-fetch"),
    ("GET", "/contacts/refresh", "roster-fetch"),
    ("PUT", "/contacts/refresh", "roster-fetch"),
    ("POST", "/contacts/refresh", "roster-refresh"),
    ("POST", "/component", "component"),
    ("GET", "/slot", "component"),
    ("GET", "/slot/secret", "component"),
];

#[tokio::test]
async fn the_api_and_the_stack_send_requests_to_the_same_functions() {
    let (folder, s3) = (tempfile::tempdir().unwrap(), PlainS3::start().await);
    let at_s3 = s3.variables();
    let lookup = |name: &str| match name {
        "SATCHEL_COMPONENT_CREDENTIALS" => Some("user:password".to_owned()),
        "SATCHEL_SLOT_CREDENTIALS" => Some("secret".to_owned()),
        "SATCHEL_ROSTER_CREDENTIALS" => Some("app:password".to_owned()),
        "SATCHEL_PROSODY_REFRESH_URL" => Some("http://127.0.0.1:9/refresh".to_owned()),
        "SATCHEL_PUBLIC_URL" => Some("http://127.0.0.1/upload".to_owned()),
        name => at_s3.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()),
    };
    let settings = Settings::load(folder.path(), lookup).unwrap();
    let configs = Configs::parse(&settings).unwrap();
    let sdk = settings.sdk().await.unwrap();
    let store = AnyStore::S3(Box::new(Storage::new(configs.s3(), &sdk)));
    let functions = Functions::new(configs, &settings, &sdk, &Clock::System, &store);
    let template = Template::load();
    for (method, path, name) in ADDRESSES {
        let event =
            json!({"httpMethod": method, "path": path, "headers": {}, "requestContext": {"httpMethod": method}});
        let (head, body) = invoked(&event);
        let (function, answer) = functions.answer(head, body, None).await;
        assert_eq!(function, name, "{method} {path} in the program");
        assert_ne!(answer.outcome.code, "no_such_address", "{method} {path}");
        let deployed = template.route(method, path).map(|function| function.name());
        assert_eq!(deployed, Some(name), "{method} {path} in template.yaml");
    }
    for (method, path) in template.functions().flat_map(|function| function.routes().collect::<Vec<_>>()) {
        let known = |address: &(&str, &str, &str)| {
            path_matches(&path, address.1) && ["ANY", address.0].contains(&method.as_str())
        };
        assert!(ADDRESSES.iter().any(known), "who asks for {method} {path}?");
    }
    s3.stop().await;
}

#[test]
fn functions_end_before_whoever_waits_for_them_gives_up() {
    for function in Template::load().functions() {
        let timeout = function.property("Timeout").as_u64().unwrap();
        if function.routes().next().is_some() {
            assert!(timeout <= API_TIMEOUT, "{}", function.id);
        }
        assert!((1..=900).contains(&timeout), "{}", function.id);
    }
}

#[test]
fn the_gateways_own_answers_have_the_functions_cors_headers() {
    let template = Template::load();
    for kind in ["DEFAULT_4XX", "REQUEST_TOO_LARGE", "DEFAULT_5XX"] {
        let pointer = format!("/Resources/Api/Properties/GatewayResponses/{kind}/ResponseParameters/Headers");
        let headers = template.at(&pointer);
        for (name, value) in [
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Methods", cors::ALLOWED_METHODS),
            ("Access-Control-Allow-Headers", cors::ALLOWED_HEADERS),
            ("Access-Control-Max-Age", cors::MAX_AGE),
        ] {
            assert_eq!(headers[name], format!("'{value}'"), "{kind} {name}");
        }
    }
    let too_large =
        template.at("/Resources/Api/Properties/GatewayResponses/REQUEST_TOO_LARGE/ResponseParameters/Headers");
    assert_eq!(too_large["Upload-Limit"], format!("'max-append-size={EVENT_BODY_BYTES}'"));
    assert_eq!(too_large["Access-Control-Expose-Headers"], "'Upload-Limit'");
    assert_eq!(template.at("/Resources/Api/Properties/BinaryMediaTypes/0"), "*~1*");
}
