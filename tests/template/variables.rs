//! Each function has the variables that its configuration asks for.

use std::{cell::RefCell, collections::BTreeSet, fs, path::Path};

use satchel_component::ComponentConfig;
use satchel_core::{
    config::{self, FromEnvironment},
    secret_reference::SecretReference,
};
use satchel_download::DownloadConfig;
use satchel_expire::ExpireConfig;
use satchel_resume::ResumeConfig;
use satchel_roster_fetch::RosterFetchConfig;
use satchel_roster_refresh::RosterRefreshConfig;
use satchel_seal::SealConfig;
use satchel_upload::UploadConfig;
use serde_json::json;

use crate::support::template::{TOP, Template, folders};

/// Variables of the functions that the template leaves to Lambda, or to installations without AWS. README.md lists them.
const NOT_SET: [&str; 2] = ["SATCHEL_S3_PATH_STYLE", "SATCHEL_S3_PUBLIC_URL"];

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
    let readme = fs::read_to_string(Path::new(TOP).join("README.md")).unwrap();
    for name in folders().iter().flat_map(|function| variables(function)).chain(left_out) {
        assert!(readme.contains(&format!("`{name}`")), "README.md does not explain {name}");
    }
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
        let readable = function.statements().into_iter().any(|statement| {
            let allowed = statement["Resource"].to_string();
            statement["Action"] == "ssm:GetParameter" && allowed.contains(":parameter/${AWS::StackName}/upload-secrets")
        });
        assert!(readable, "{} may not read them", function.id);
    }
    assert_eq!(readers, 3);
}
