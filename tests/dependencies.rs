//! What the functions and the program are built on.

use std::{collections::BTreeMap, process::Command};

/// Each crate that is linked on Linux, with its versions.
fn linked() -> BTreeMap<String, Vec<String>> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--locked", "--offline", "--target", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let mut crates: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8(tree.stdout).unwrap().lines() {
        let Some((name, version)) = line.split_once(" v") else { continue };
        let version = version.split(' ').next().unwrap().to_owned();
        let versions = crates.entry(name.to_owned()).or_default();
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    crates
}

#[test]
fn there_is_one_stack_for_http_and_one_for_tls() {
    let crates = linked();
    for one in ["http", "hyper", "hyper-util", "rustls", "aws-lc-rs", "tokio"] {
        assert_eq!(crates.get(one).map(Vec::len), Some(1), "{one}: {:?}", crates.get(one));
    }
    for other in ["ring", "openssl", "native-tls", "s2n-tls", "mbedtls"] {
        assert!(!crates.contains_key(other), "{other} beside aws-lc: see `cargo tree --invert {other}`");
    }
}
