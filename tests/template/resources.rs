//! Parameters, the bucket, and the names of what a stack has.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::template::{TOP, Template, entries, strings};

#[test]
fn parameters_are_described_checked_grouped_and_used() {
    let template = Template::load();
    let groups = template.at("/Metadata/AWS::CloudFormation::Interface/ParameterGroups").as_array().unwrap();
    let grouped: Vec<&str> = groups.iter().flat_map(|group| strings(&group["Parameters"])).collect();
    let readme = fs::read_to_string(Path::new(TOP).join("README.md")).unwrap();
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
