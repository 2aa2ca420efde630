//! The release binaries: built here, or taken from a folder.
//!
//! cargo gives a dependency the features that all packages of one call want together, so packages share a call only
//! where no crate gets features in it that it would not get alone. Calls share the dependencies that are equal.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use flate2::{Compression, write::DeflateEncoder};
use serde_json::Value;

use crate::error::BenchError;

/// A program to measure.
#[derive(Debug, Clone)]
pub struct Binary {
    /// Where it is.
    pub file: PathBuf,
    /// What it is started with.
    pub arguments: Vec<String>,
    /// Its size.
    pub bytes: u64,
    /// The size of the zip file that Lambda gets: one entry, `bootstrap`.
    pub package_bytes: u64,
}

/// Programs by name.
#[derive(Debug, Default)]
pub struct Binaries(BTreeMap<String, Binary>);

impl Binaries {
    /// Takes those of a folder.
    ///
    /// # Errors
    /// One is missing.
    pub fn in_folder(folder: &Path, names: &[&str]) -> Result<Self, BenchError> {
        let mut binaries = Self::default();
        for name in names {
            // cargo puts programs into one folder, cargo-lambda each into one of its own.
            let package = folder.join(name).join("bootstrap");
            binaries.add(name, if package.is_file() { package } else { folder.join(name) })?;
        }
        Ok(binaries)
    }

    /// Builds them with the release profile.
    ///
    /// # Errors
    /// cargo fails.
    pub fn build(names: &[&str]) -> Result<Self, BenchError> {
        let mut binaries = Self::default();
        for group in groups(names)? {
            let built = build(&group)?;
            for name in group {
                let file = built.get(name).cloned().ok_or_else(|| BenchError::NoBinary(name.into()))?;
                binaries.add(name, file)?;
            }
        }
        Ok(binaries)
    }

    /// One of them.
    ///
    /// # Errors
    /// It is none of them.
    pub fn get(&self, name: &str) -> Result<Binary, BenchError> {
        self.0.get(name).cloned().ok_or_else(|| BenchError::NoBinary(name.into()))
    }

    fn add(&mut self, name: &str, file: PathBuf) -> Result<(), BenchError> {
        let Ok(content) = fs::read(&file) else { return Err(BenchError::NoBinary(file)) };
        let package_bytes = package_bytes(&content)?;
        self.0.insert(
            name.to_owned(),
            Binary { file, arguments: Vec::new(), bytes: content.len() as u64, package_bytes },
        );
        Ok(())
    }
}

/// What a zip file has around one entry called `bootstrap`: local header, central directory, end record.
const ZIP_FRAME: u64 = 30 + 9 + 46 + 9 + 22;

/// The size of a zip file of one entry.
///
/// # Errors
/// None is known.
pub fn package_bytes(content: &[u8]) -> io::Result<u64> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    io::Write::write_all(&mut encoder, content)?;
    Ok(encoder.finish()?.len() as u64 + ZIP_FRAME)
}

/// The one program that is no function.
const PROGRAM: &str = "satchel";

/// The package of a program.
fn package(name: &str) -> String {
    match name {
        "hello" => "satchel-bench-hello".to_owned(),
        PROGRAM => "satchel".to_owned(),
        function => format!("satchel-{function}"),
    }
}

/// Crates of a package, each with the features that it gets; once for each platform it is built for.
type Features = BTreeMap<String, BTreeSet<String>>;

fn groups<'a>(names: &[&'a str]) -> Result<Vec<Vec<&'a str>>, BenchError> {
    let mut groups: Vec<(Vec<&str>, Features)> = Vec::new();
    for name in names {
        let features = features(name)?;
        // The program is built with other settings than what is deployed.
        let is_alike = |group: &[&str]| group.contains(&PROGRAM) == (*name == PROGRAM);
        match groups.iter_mut().find(|(group, shared)| is_alike(group) && agree(shared, &features)) {
            Some((group, shared)) => {
                group.push(name);
                shared.extend(features);
            }
            None => groups.push((vec![name], features)),
        }
    }
    Ok(groups.into_iter().map(|(group, _)| group).collect())
}

fn agree(one: &Features, other: &Features) -> bool {
    one.iter().all(|(name, features)| other.get(name).is_none_or(|others| others == features))
}

fn features(name: &str) -> Result<Features, BenchError> {
    let package = package(name);
    let arguments = ["tree", "--locked", "--package", &package, "--edges", "normal,build", "--prefix", "none"];
    let listed = cargo().args(arguments).args(["--no-dedupe", "--format", "{p}\t{f}"]).output()?;
    if !listed.status.success() {
        return Err(BenchError::Build { packages: package });
    }
    let mut features = Features::new();
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        if let Some((package, wanted)) = line.split_once('\t') {
            features.entry(package.to_owned()).or_default().insert(wanted.to_owned());
        }
    }
    Ok(features)
}

fn build(names: &[&str]) -> Result<BTreeMap<String, PathBuf>, BenchError> {
    let packages: Vec<String> = names.iter().map(|name| package(name)).collect();
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--bins", "--message-format", "json-render-diagnostics"]);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    if !names.contains(&PROGRAM) {
        let settings = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../CargoLambda.toml"))?;
        command.args(settings_of_packages(&settings).flat_map(|setting| ["--config", setting]));
    }
    let built = command.stderr(Stdio::inherit()).output()?;
    if !built.status.success() {
        return Err(BenchError::Build { packages: packages.join(", ") });
    }
    Ok(String::from_utf8_lossy(&built.stdout).lines().filter_map(executable).collect())
}

/// What cargo-lambda tells cargo, of its own settings file: one setting a line.
fn settings_of_packages(file: &str) -> impl Iterator<Item = &str> {
    let lines = file.lines().skip_while(|line| *line != "config = [").skip(1).take_while(|line| *line != "]");
    lines.filter_map(|line| line.trim().strip_prefix('\'')?.strip_suffix("',"))
}

/// The program that a message of cargo's is about, if any.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let file = PathBuf::from(message.get("executable")?.as_str()?);
    Some((message["target"]["name"].as_str()?.to_owned(), file))
}

/// The cargo that runs this program, at the top of the workspace.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(crates: &[(&str, &str)]) -> Features {
        crates.iter().map(|(name, features)| ((*name).to_owned(), BTreeSet::from([(*features).to_owned()]))).collect()
    }

    #[test]
    fn packages_agree_that_give_no_crate_other_features() {
        let one = features(&[("tokio", "rt"), ("hyper", "http1")]);
        for (other, expected) in [
            (features(&[("tokio", "rt"), ("hyper", "http1")]), true),
            (features(&[("tokio", "rt"), ("serde", "")]), true),
            (features(&[]), true),
            (features(&[("tokio", "rt,net")]), false),
        ] {
            assert_eq!(agree(&one, &other), expected, "{other:?}");
            assert_eq!(agree(&other, &one), expected, "{other:?}");
        }
    }

    #[test]
    fn packages_are_built_with_the_settings_of_cargo_lambda() {
        let file = include_str!("../../../CargoLambda.toml");
        let settings: Vec<_> = settings_of_packages(file).collect();
        assert_eq!(settings.first(), Some(&"profile.release.codegen-units = 1"));
        assert_eq!(settings.len(), file.matches("'profile.release.").count());
        assert!(settings.iter().all(|setting| setting.starts_with("profile.release.")));
    }

    #[test]
    fn of_cargos_messages_only_programs_count() {
        let program = r#"{"reason":"compiler-artifact","target":{"name":"upload"},"executable":"/t/release/upload"}"#;
        assert_eq!(executable(program), Some(("upload".into(), "/t/release/upload".into())));
        for other in [r#"{"reason":"compiler-artifact","target":{"name":"x"},"executable":null}"#, "", "{}"] {
            assert_eq!(executable(other), None, "{other}");
        }
    }
}
