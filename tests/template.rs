//! template.yaml and the code say the same: functions, variables, routes, limits.

use std::{cell::RefCell, collections::BTreeSet, fs, path::Path};

use satchel::{
    any_store::AnyStore,
    functions::{Configs, Functions},
    settings::Settings,
};
use satchel_aws::storage::Storage;
use satchel_component::ComponentConfig;
use satchel_core::{
    config::{self, FromEnvironment},
    cors,
    secret_reference::SecretReference,
};
use satchel_download::DownloadConfig;
use satchel_expire::ExpireConfig;
use satchel_resume::{ResumeConfig, limits::EVENT_BODY_BYTES};
use satchel_roster_fetch::RosterFetchConfig;
use satchel_roster_refresh::RosterRefreshConfig;
use satchel_seal::SealConfig;
use satchel_telemetry::clock::Clock;
use satchel_upload::UploadConfig;
use serde_json::{Value, json};

use crate::support::{
    PlainS3, invoked,
    template::{Function, Template, entries, matches as path_matches},
};

/// Variables of the functions that the template leaves to Lambda, or to installations without AWS. README.md lists them.
const NOT_SET: [&str; 2] = ["SATCHEL_S3_PATH_STYLE", "SATCHEL_S3_PUBLIC_URL"];

/// API Gateway gives up after 29 s (AWS: "Quotas for REST APIs").
const API_TIMEOUT: u64 = 29;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folders of functions/ that hold a program, which are the functions.
fn folders() -> BTreeSet<String> {
    let folders = fs::read_dir(root().join("functions")).unwrap().map(|entry| entry.unwrap());
    let programs = folders.filter(|folder| folder.path().join("src/main.rs").exists());
    programs.map(|folder| folder.file_name().into_string().unwrap()).collect()
}

/// The names that a configuration asks its environment for.
fn asked<T, E>(parse: impl Fn(&dyn Fn(&str) -> Option<String>) -> Result<T, E>) -> BTreeSet<String> {
    let names = RefCell::new(BTreeSet::new());
    let _ = parse(&|name: &str| {
        names.borrow_mut().insert(name.to_owned());
        None
    });
    names.into_inner()
}

/// The variables that a function reads.
fn variables(function: &str) -> BTreeSet<String> {
    let mut variables = match function {
        "component" => asked(|lookup| ComponentConfig::parse(lookup)),
        "download" => asked(|lookup| DownloadConfig::parse(lookup)),
        "expire" => asked(|lookup| ExpireConfig::parse(lookup)),
        "resume" => asked(|lookup| ResumeConfig::parse(lookup)),
        "roster-fetch" => asked(|lookup| RosterFetchConfig::parse(lookup)),
        "roster-refresh" => asked(|lookup| RosterRefreshConfig::parse(lookup)),
        "seal" => asked(|lookup| SealConfig::parse(lookup)),
        "upload" => asked(|lookup| UploadConfig::parse(lookup)),
        other => panic!("name the configuration of {other} here"),
    };
    // Whatever serves a function reads it.
    variables.insert("SATCHEL_METRICS_NAMESPACE".into());
    if variables.iter().any(|name| SecretReference::in_variable(name, "ssm:/name").is_some()) {
        variables.extend(asked(|lookup| config::secrets_refresh(lookup)));
    }
    variables
}

/// `roster-fetch` is `RosterFetch`.
fn camel_case(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(capital).collect()
}

#[test]
fn every_function_is_deployed_under_its_own_name() {
    let template = Template::load();
    let deployed: BTreeSet<String> = template.functions().map(|function| function.name().to_owned()).collect();
    assert_eq!(deployed, folders());
    for function in template.functions() {
        let name = function.name();
        assert_eq!(function.id, format!("{}Function", camel_case(name)));
        assert_eq!(function.at("/Metadata/BuildProperties/Binary"), name);
        let manifest = fs::read_to_string(root().join("functions").join(name).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("[[bin]]\nname = \"{name}\"\n")), "{name} builds another binary");
        assert!(!function.property("Description").as_str().unwrap().is_empty());
    }
}

#[test]
fn functions_run_and_log_as_designed() {
    let template = Template::load();
    for function in template.functions() {
        let (id, name) = (function.id, function.name());
        assert_eq!(function.at("/Metadata/BuildMethod"), "rust-cargolambda", "{id}");
        assert_eq!(function.property("Runtime"), "provided.al2023", "{id}");
        assert_eq!(function.property("Architectures")[0]["Ref"], "Architecture", "{id}");
        assert_eq!(function.property("MemorySize"), 256, "{id}");
        let logging = function.property("LoggingConfig");
        assert_eq!(logging["LogFormat"], "JSON", "{id}");
        let group = template.at(&format!("/Resources/{}/Properties", logging["LogGroup"]["Ref"].as_str().unwrap()));
        assert_eq!(group["LogGroupName"]["Fn::Sub"], format!("/aws/lambda/${{AWS::StackName}}-{name}"));
        assert_eq!(group["RetentionInDays"]["Ref"], "LogRetentionDays", "{id}");
    }
    assert_eq!(template.at("/Parameters/Architecture/Default"), "arm64");
}

#[test]
fn every_variable_is_set_or_left_out_on_purpose() {
    let template = Template::load();
    let left_out: BTreeSet<String> = NOT_SET.map(str::to_owned).into();
    for function in template.functions() {
        let set: BTreeSet<String> = function.variables().map(str::to_owned).collect();
        let read = variables(function.name());
        let wanted: BTreeSet<String> = read.difference(&left_out).cloned().collect();
        assert_eq!(set, wanted, "{}", function.id);
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for name in folders().iter().flat_map(|function| variables(function)).chain(left_out) {
        assert!(readme.contains(&format!("`{name}`")), "README.md does not explain {name}");
    }
}

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
fn what_nobody_waits_for_has_somewhere_to_fail_to() {
    for function in Template::load().functions() {
        let asynchronous = ["EventBridgeRule", "Schedule", "ScheduleV2"].map(|kind| function.events(kind).count());
        let has_requests = function.routes().next().is_some();
        assert!(has_requests || asynchronous != [0; 3], "nothing ever calls {}", function.id);
        if asynchronous != [0; 3] {
            let destination = function.at("/Properties/EventInvokeConfig/DestinationConfig/OnFailure/Destination");
            assert!(destination.is_object(), "{}", function.id);
        }
    }
}

#[test]
fn alarms_watch_every_function() {
    let template = Template::load();
    for (alarm, metric) in [("FunctionErrorsAlarm", "Errors"), ("FunctionThrottlesAlarm", "Throttles")] {
        let metrics = template.at(&format!("/Resources/{alarm}/Properties/Metrics")).as_array().unwrap();
        let watched: BTreeSet<&str> = metrics.iter().filter_map(|entry| watched(chosen(entry), metric)).collect();
        let functions: BTreeSet<&str> = template.functions().map(|function| function.id).collect();
        assert_eq!(watched, functions, "{alarm}");
    }
}

#[test]
fn alarms_can_be_switched_off_and_write_to_somebody() {
    let template = Template::load();
    for (id, alarm) in template.resources("AWS::CloudWatch::Alarm") {
        let condition = alarm["Condition"].as_str();
        assert!(condition.is_some_and(|condition| condition.ends_with("Alarms")), "{id}: {condition:?}");
        assert_eq!(alarm["Properties"]["AlarmActions"]["Fn::If"][0], "HasAlarmEmail", "{id}");
    }
}

fn watched<'a>(entry: &'a Value, metric: &str) -> Option<&'a str> {
    let measured = entry.pointer("/MetricStat/Metric").filter(|measured| measured["MetricName"] == metric)?;
    measured["Dimensions"][0]["Value"]["Ref"].as_str()
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

#[test]
fn parameters_are_described_checked_grouped_and_used() {
    let template = Template::load();
    let groups = template.at("/Metadata/AWS::CloudFormation::Interface/ParameterGroups").as_array().unwrap();
    let grouped: Vec<&str> = groups.iter().flat_map(|group| strings(&group["Parameters"])).collect();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for (name, parameter) in entries(template.at("/Parameters")) {
        assert_eq!(grouped.iter().filter(|known| **known == name).count(), 1, "{name} is in one group");
        assert!(parameter["Description"].as_str().is_some_and(|text| text.len() > 20), "{name}");
        let checks = ["AllowedPattern", "AllowedValues", "MinValue"];
        assert!(checks.iter().any(|check| !parameter[*check].is_null()), "{name} takes anything");
        assert!(template.mentions(name), "{name} is not used");
        assert!(readme.contains(&format!("`{name}`")), "README.md does not explain {name}");
    }
    assert_eq!(grouped.len(), entries(template.at("/Parameters")).count());
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[test]
fn the_bucket_is_private_and_encrypted_and_stays() {
    let template = Template::load();
    for (id, bucket) in template.resources("AWS::S3::Bucket") {
        let properties = &bucket["Properties"];
        assert_eq!(bucket["DeletionPolicy"], "Retain", "{id}");
        for (name, value) in entries(&properties["PublicAccessBlockConfiguration"]) {
            assert_eq!(value, true, "{id} {name}");
        }
        assert_eq!(entries(&properties["PublicAccessBlockConfiguration"]).count(), 4, "{id}");
        assert_eq!(properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced", "{id}");
        let encryption = &properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
        assert_eq!(encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256", "{id}");
    }
    let statement = template.at("/Resources/BucketPolicy/Properties/PolicyDocument/Statement/0");
    assert_eq!((&statement["Effect"], &statement["Action"]), (&"Deny".into(), &"s3:*".into()));
    assert_eq!(statement["Condition"]["Bool"]["aws:SecureTransport"], "false");
}

#[test]
fn without_a_parameter_the_upload_secrets_are_the_stacks_own() {
    let template = Template::load();
    assert_eq!(template.at("/Parameters/UploadSecrets/Default"), "");
    let own = json!({"Fn::Sub": "ssm:/${AWS::StackName}/upload-secrets"});
    let mut readers = 0;
    for function in template.functions() {
        let secrets = function.at("/Properties/Environment/Variables/SATCHEL_UPLOAD_SECRETS");
        if secrets.is_null() {
            continue;
        }
        readers += 1;
        assert_eq!(
            (&secrets["Fn::If"][0], &secrets["Fn::If"][2]),
            (&json!("HasUploadSecrets"), &own),
            "{}",
            function.id
        );
        let readable = statements(&function).into_iter().any(|statement| {
            let allowed = statement["Resource"].to_string();
            statement["Action"] == "ssm:GetParameter" && allowed.contains(":parameter/${AWS::StackName}/upload-secrets")
        });
        assert!(readable, "{} may not read them", function.id);
    }
    assert_eq!(readers, 3);
}

/// Two stacks of one account have nothing in common, and each may have any name.
#[test]
fn nothing_is_named_after_one_stack() {
    fn names<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::String(text) => found.push(text),
            Value::Array(items) => items.iter().for_each(|item| names(item, found)),
            // What people read.
            Value::Object(members) => {
                members.iter().filter(|(name, _)| *name != "Description").for_each(|(_, item)| names(item, found));
            }
            _ => {}
        }
    }
    let template = Template::load();
    let mut found = Vec::new();
    names(template.at("/Resources"), &mut found);
    names(template.at("/Conditions"), &mut found);
    let after_one: Vec<_> = found.iter().filter(|text| text.to_lowercase().contains("satchel")).collect();
    assert!(found.len() > 100 && after_one.is_empty(), "{after_one:?}");
    for kind in ["AWS::Logs::LogGroup", "AWS::Serverless::Api"] {
        for (id, resource) in template.resources(kind) {
            let properties = &resource["Properties"];
            let name = if kind == "AWS::Logs::LogGroup" { &properties["LogGroupName"] } else { &properties["Name"] };
            assert!(name.to_string().contains("AWS::StackName"), "{id}: {name}");
        }
    }
}

#[test]
fn no_function_may_do_everything_anywhere() {
    for function in Template::load().functions() {
        for statement in statements(&function) {
            let actions: Vec<&str> = strings(&statement["Action"]).chain(statement["Action"].as_str()).collect();
            assert!(!actions.is_empty() && actions.iter().all(|action| !action.contains('*')), "{statement}");
            assert!(statement["Resource"] != "*" && !statement["Resource"].is_null(), "{statement}");
            assert!(statement["Sid"].is_string(), "a name says what it is for: {statement}");
        }
    }
}

/// The statements of a function's policies, those under a condition included.
fn statements(function: &Function) -> Vec<Value> {
    let policies = function.at("/Properties/Policies").as_array().cloned().unwrap_or_default();
    let listed = policies.iter().flat_map(|policy| policy["Statement"].as_array().cloned().unwrap());
    listed.map(|statement| chosen(&statement).clone()).collect()
}

/// What stands there where its condition holds.
fn chosen(value: &Value) -> &Value {
    value.get("Fn::If").map_or(value, |choice| &choice[1])
}
