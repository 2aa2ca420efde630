//! The threat model says what is so: its tests exist, its table of functions is the template's.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path};

use satchel::settings::Settings;
use serde_json::Value;

use crate::support::template::{Function, Template};

const THREATS: &str = "docs/threats.md";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_default()
}

/// The cells of each table's rows, with the heading of the last column.
fn rows(text: &str) -> Vec<(String, Vec<String>)> {
    let (mut rows, mut last, mut lines) = (Vec::new(), String::new(), text.lines().peekable());
    while let Some(line) = lines.next() {
        let Some(row) = line.strip_prefix("| ") else { continue };
        let cells: Vec<String> = row.trim_end_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
        if lines.peek().is_some_and(|next| next.starts_with("|---")) {
            last = cells.last().unwrap().clone();
        } else {
            rows.push((last.clone(), cells));
        }
    }
    rows
}

/// What is between backticks and looks like `file: test`.
fn named(text: &str) -> BTreeSet<(&str, &str)> {
    text.split('`').skip(1).step_by(2).filter_map(|name| name.split_once(": ")).collect()
}

#[test]
fn every_test_that_the_threats_name_is_there() {
    let text = read(THREATS);
    let named = named(&text);
    assert!(named.len() > 50, "{}", named.len());
    for (file, test) in named {
        let source = read(file);
        let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
        let defined = |line: &&str| {
            let line = line.trim_start_matches("async ");
            [format!("fn {test}("), format!("def {test}(")].iter().any(|start| line.starts_with(start.as_str()))
        };
        let at = lines.iter().position(defined);
        let at = at.unwrap_or_else(|| panic!("{THREATS} names {test} in {file}, and it is not there"));
        let marked = lines[at.saturating_sub(3)..at]
            .iter()
            .any(|line| line.starts_with("#[test") || line.starts_with("#[tokio::test"));
        assert!(marked || file.ends_with(".py"), "{file}: {test} is no test");
    }
}

#[test]
fn every_threat_says_what_holds_it() {
    for (last, cells) in rows(&read(THREATS)).into_iter().filter(|(last, _)| last == "held by") {
        let held = cells.last().unwrap();
        assert!(!named(held).is_empty() || held.contains("not held by a test"), "{last}: {cells:?}");
    }
}

#[test]
fn what_a_function_could_do_is_what_its_role_allows() {
    let template = Template::load();
    let rows = rows(&read(THREATS));
    let rows: Vec<_> = rows.iter().filter(|(last, _)| last == "secrets").map(|(_, cells)| cells).collect();
    assert_eq!(rows.len(), template.functions().count());
    for function in template.functions() {
        let row =
            rows.iter().find(|cells| cells[0] == function.name()).unwrap_or_else(|| panic!("{}", function.name()));
        let allowed = allowed(&function);
        let may = |action: &str, on: &str| allowed.iter().any(|(a, r)| a.starts_with(action) && r.contains(on));
        let secrets: BTreeSet<String> = allowed
            .iter()
            .filter(|(action, _)| action == "ssm:GetParameter")
            .map(|(_, resource)| resource.rsplit('/').next().unwrap().to_owned())
            .collect();
        for (cell, expected) in row[1..].iter().zip([
            may("s3:GetObject", "{Bucket.Arn}/uploads/"),
            may("s3:PutObject", "{Bucket.Arn}/uploads/"),
            may("s3:DeleteObject", "{Bucket.Arn}/uploads/"),
            may("s3:ListBucket", "Bucket.Arn") && !may("s3:ListBucket", "RosterBucket.Arn"),
            may("s3:PutObject", "{RosterBucket.Arn}/rosters/"),
        ]) {
            let said = if expected { "yes" } else { "no" };
            assert!(
                *cell == said || cell.starts_with(&format!("{said}, ")) || cell.starts_with(&format!("{said}; ")),
                "{row:?}"
            );
        }
        let last = row.get(6).map_or("", String::as_str);
        let said: BTreeSet<String> = last.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(said, secrets, "{}", function.name());
        let both = may("s3:", "RosterBucket") && may("s3:", "{Bucket.Arn}");
        assert!(!both, "{}: files and rosters", function.name());
    }
}

/// Actions and resources of a role, those under a condition included.
fn allowed(function: &Function<'_>) -> Vec<(String, String)> {
    let mut allowed = Vec::new();
    for statement in function.at("/Properties/Policies/0/Statement").as_array().unwrap() {
        let statement = statement.get("Fn::If").map_or(statement, |choice| &choice[1]);
        for action in texts(&statement["Action"]) {
            allowed.extend(texts(&statement["Resource"]).into_iter().map(|resource| (action.clone(), resource)));
        }
    }
    allowed
}

/// The texts of a value or a list of values, `!Sub` and `!GetAtt` read through.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_folder_and_the_secrets_in_it_are_for_their_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    Settings::load(&folder, |_| None).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let made: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(made.len(), 2, "an upload secret and S3's: {made:?}");
    for secret in made {
        assert_eq!(mode(&secret), 0o600, "{}", secret.display());
    }
}
