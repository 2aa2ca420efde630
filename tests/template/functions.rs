//! The functions as they are deployed: under which names, how they log, where they fail to, what they may do.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::support::template::{TOP, Template, chosen, folders, strings};

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
        let manifest = fs::read_to_string(Path::new(TOP).join("functions").join(name).join("Cargo.toml")).unwrap();
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

fn watched<'a>(entry: &'a Value, metric: &str) -> Option<&'a str> {
    let measured = entry.pointer("/MetricStat/Metric").filter(|measured| measured["MetricName"] == metric)?;
    measured["Dimensions"][0]["Value"]["Ref"].as_str()
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

#[test]
fn no_function_may_do_everything_anywhere() {
    for function in Template::load().functions() {
        for statement in function.statements() {
            let actions: Vec<&str> = strings(&statement["Action"]).chain(statement["Action"].as_str()).collect();
            assert!(!actions.is_empty() && actions.iter().all(|action| !action.contains('*')), "{statement}");
            assert!(statement["Resource"] != "*" && !statement["Resource"].is_null(), "{statement}");
            assert!(statement["Sid"].is_string(), "a name says what it is for: {statement}");
        }
    }
}
