//! The redirect of `download` beside the same in Node.js and in Python with AWS's SDKs, on the same runtime API and S3.

use std::{fs, path::Path, process::Command};

use tokio::runtime::Runtime;

use super::{
    rounds::{Plan, in_rounds, program},
    subjects::{DOWNLOAD, Subject},
};
use crate::{
    binaries::{Binaries, Binary, package_bytes},
    error::BenchError,
    figures::{FunctionFigures, Kind},
};

/// The function that they are measured beside.
pub const FUNCTION: &str = DOWNLOAD.function;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
/// Where [`install`] puts what they run on.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

/// What they run on, pinned.
const NODE_PACKAGES: &str = include_str!("../../peers/node/package.json");
const PYTHON_PACKAGES: &str = include_str!("../../peers/python/requirements.txt");
const NODE_SDK: &str = "@aws-sdk/client-s3";
const PYTHON_SDK: &str = "boto3";

/// The loop of the runtime API is `peers/node/runtime.mjs`.
const NODE: Subject = Subject { function: "node", kind: Kind::Peer, variables: &[], ..DOWNLOAD };
/// The loop is AWS's own client for Python, which imports the function from here.
const PYTHON: Subject = Subject {
    function: "python",
    kind: Kind::Peer,
    variables: &[("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/peers/python"))],
    ..DOWNLOAD
};

/// Installs the peers, and measures all three in each round.
///
/// # Errors
/// They cannot be installed, or one of them does not answer as it should.
pub fn measure(plan: Plan, binaries: &Binaries, runtime: &Runtime) -> Result<Vec<FunctionFigures>, BenchError> {
    install()?;
    let (node, python) = (node()?, python());
    let names = [
        (version(&node)?, NODE_SDK, sdk(NODE_PACKAGES, NODE_SDK)),
        (version(&python)?, PYTHON_SDK, sdk(PYTHON_PACKAGES, PYTHON_SDK)),
    ];
    let contenders = [(&DOWNLOAD, program(&DOWNLOAD, binaries)?), (&NODE, node), (&PYTHON, python)];
    let mut rows = in_rounds(&contenders, plan, runtime)?;
    for (row, (version, sdk, pinned)) in rows.iter_mut().skip(1).zip(names) {
        (row.function, row.operation) = (version, format!("{sdk} {pinned}"));
    }
    Ok(rows)
}

fn install() -> Result<(), BenchError> {
    let installed = Command::new(Path::new(SOURCES).join("install")).status()?;
    if installed.success() { Ok(()) } else { Err(BenchError::Install) }
}

/// Node.js 20 with the function in one file, SDK and all.
fn node() -> Result<Binary, BenchError> {
    let folder = Path::new(TARGET).join("bench-node");
    let bundle = folder.join("bootstrap.cjs");
    let content = fs::read(&bundle)?;
    Ok(Binary {
        file: folder.join("node"),
        arguments: vec![bundle.to_string_lossy().into_owned()],
        bytes: content.len() as u64,
        package_bytes: package_bytes(&content)?,
    })
}

/// The machine's Python. Lambda has boto3 in its own, so that there is no package to speak of.
fn python() -> Binary {
    let file = Path::new(TARGET).join("bench-python/bin/python");
    let arguments = ["-m", "awslambdaric", "download.handler"].map(str::to_owned).to_vec();
    Binary { file, arguments, bytes: 0, package_bytes: 0 }
}

/// `Node.js 20.20.2`, `Python 3.11.2`.
fn version(program: &Binary) -> Result<String, BenchError> {
    let printed = Command::new(&program.file).arg("--version").output()?;
    let printed = String::from_utf8_lossy(&printed.stdout).trim().to_owned();
    Ok(printed.strip_prefix('v').map(|version| format!("Node.js {version}")).unwrap_or(printed))
}

/// The version of a package that a list of them pins: the first numbers behind its name.
fn sdk<'a>(packages: &'a str, name: &str) -> &'a str {
    let behind = packages.split_once(name).map_or("", |(_, rest)| rest);
    let version = behind.trim_start_matches(|c: char| !c.is_ascii_digit());
    version.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_versions_of_the_sdks_are_found() {
        assert_eq!(sdk("{\"@aws-sdk/client-s3\": \"3.1.20\",", NODE_SDK), "3.1.20");
        assert_eq!(sdk("a==1\nboto3==1.2.3\nbotocore==1.2.4\n", PYTHON_SDK), "1.2.3");
        for (packages, name) in [(NODE_PACKAGES, NODE_SDK), (PYTHON_PACKAGES, PYTHON_SDK)] {
            assert!(sdk(packages, name).split('.').count() == 3, "{name}");
        }
    }
}
