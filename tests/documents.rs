//! Documents and examples name what there is.

use std::{collections::BTreeSet, fs, path::Path};

const MIGRATION: &str = "docs/migration.md";
/// Beside the document with the tables, what an admin copies.
const EXAMPLES: [&str; 5] = [
    "infra/systemd/satchel.service",
    "infra/systemd/satchel.env",
    "infra/systemd/another-s3.conf",
    "infra/nginx/proxy.conf",
    "infra/apache/satchel.conf",
];

/// Options that every program has, or that are the AWS CLI's and systemctl's.
const OTHERS: [&str; 3] = ["version", "endpoint-url", "now"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The section of README.md with every variable and option.
fn configuration() -> String {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("\n## Configuration\n").unwrap();
    rest.split("\n## ").next().unwrap().to_owned()
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect()
}

/// What is between backticks.
fn names(text: &str) -> BTreeSet<&str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn every_variable_and_option_is_one_of_the_readmes() {
    let configuration = configuration();
    let known = words(&configuration);
    for path in [MIGRATION].iter().chain(&EXAMPLES) {
        let text = read(path);
        let ours = |word: &&str| word.starts_with("SATCHEL_") || word.starts_with("AWS_");
        let defined = |word: &str| path.contains("apache") && text.contains(&format!("Define {word} "));
        for variable in words(&text).into_iter().filter(ours).filter(|word| !defined(word)) {
            assert!(known.contains(variable), "{path}: {variable}");
        }
        for option in text.split_whitespace().filter_map(|word| word.trim_start_matches('`').strip_prefix("--")) {
            let option = option.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap();
            let known = OTHERS.contains(&option) || configuration.contains(&format!("`--{option}"));
            assert!(known, "{path}: --{option}");
        }
    }
}

#[test]
fn every_parameter_of_the_migration_is_one_of_the_template() {
    let (migration, template, unit) = (read(MIGRATION), read("template.yaml"), read(EXAMPLES[0]));
    let parameters = template.split("\nParameters:\n").nth(1).unwrap().split("\nResources:").next().unwrap();
    let is_one = |name: &&str| {
        name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.contains(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric())
    };
    for name in names(&migration).into_iter().filter(is_one) {
        assert!(parameters.contains(&format!("\n  {name}:\n")) || unit.contains(&format!("\n{name}=")), "{name}");
    }
}

#[test]
fn every_place_that_the_migration_leads_to_is_there() {
    let migration = read(MIGRATION);
    for place in migration.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        let (file, section) = place.split_once('#').unwrap_or((place, ""));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
        assert!(path.exists(), "{place}");
        let headings =
            if section.is_empty() { String::new() } else { fs::read_to_string(path).unwrap().to_lowercase() };
        assert!(section.is_empty() || headings.contains(&format!("# {}\n", section.replace('-', " "))), "{place}");
    }
}
