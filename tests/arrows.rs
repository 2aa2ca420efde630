//! Who imports whom: no circles between the files of a package, and between packages no arrow but those of ARCHITECTURE.md.

mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use source::Package;

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The packages of the workspace with sources of their own, by their folders.
fn packages() -> BTreeMap<String, Package> {
    let manifest = fs::read_to_string(top().join("Cargo.toml")).unwrap();
    let members = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    let folders = members.split(',').map(|member| member.trim().trim_matches('"')).filter(|member| !member.is_empty());
    folders.map(|folder| (folder.to_owned(), Package::read(&top().join(folder)))).collect()
}

/// The arrows of ARCHITECTURE.md: what each package may import of ours, by the last name of its folder.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(top().join("ARCHITECTURE.md")).unwrap();
    let block = page.split_once("```arrows\n").unwrap().1.split_once("```").unwrap().0;
    let line = |line: &str| {
        let (from, to) = line.split_once("->").unwrap_or_else(|| panic!("no arrow: {line}"));
        let to: BTreeSet<String> = to.split_whitespace().map(str::to_owned).collect();
        from.split_whitespace().map(|from| (from.to_owned(), to.clone())).collect::<Vec<_>>()
    };
    block.lines().flat_map(line).collect()
}

fn name(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap()
}

#[test]
fn no_file_leads_back_to_itself() {
    for (folder, package) in packages() {
        let arrows = |circle: &BTreeSet<String>| {
            let others =
                |file: &String| package.files[file].intersection(circle).cloned().collect::<Vec<_>>().join(", ");
            circle.iter().map(|file| format!("  {file} -> {}\n", others(file))).collect::<String>()
        };
        let circles: Vec<String> = package.circles().iter().map(arrows).collect();
        let advice = "what the files of a circle share belongs into a file below them";
        assert!(circles.is_empty(), "{folder}/src: {advice}:\n{}", circles.join("\n"));
    }
}

#[test]
fn packages_import_what_the_architecture_says_and_nothing_else() {
    let allowed = allowed();
    for (folder, package) in packages() {
        let own = allowed.get(name(&folder)).unwrap_or_else(|| panic!("ARCHITECTURE.md does not know {folder}"));
        let libraries: BTreeSet<String> = package.libraries.iter().map(|library| library.replace('_', "-")).collect();
        let stray: Vec<&String> = libraries.difference(own).collect();
        assert!(stray.is_empty(), "{folder} must not import {stray:?}; see ARCHITECTURE.md");
        let unused: Vec<&String> = own.difference(&libraries).collect();
        assert!(
            unused.is_empty(),
            "{folder} does not import {unused:?} any more: take the arrow out of ARCHITECTURE.md"
        );
    }
}

/// Only `main` knows Lambda: what a function decides and does is the program's, too.
#[test]
fn functions_know_lambda_in_main_alone() {
    for (folder, package) in packages() {
        let is_function = folder.starts_with("functions/") && !folder.starts_with("functions/lib/");
        assert_eq!(package.main.contains("lambda"), is_function, "{folder}/src/main.rs");
        assert!(!package.libraries.contains("lambda"), "{folder} imports satchel_lambda elsewhere than in main.rs");
    }
}

/// A circle of two, one of three that hides behind `super`, and what is none.
#[test]
fn circles_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let src = folder.path().join("src");
    for (file, text) in [
        ("lib.rs", "mod a; mod b; mod c; mod d; pub use a::A; #[cfg(test)] mod tests { use crate::a; }"),
        ("a.rs", "use crate::b::B; pub struct A(B); #[cfg(test)] mod tests { use crate::d::D; }"),
        ("b.rs", "pub struct B; impl B { fn a(self) -> String { format!(\"{}\", crate::a::NAME) } }"),
        ("c/mod.rs", "mod inner; use inner::Inner; pub struct C(Inner); fn f() -> satchel_other::X { todo!() }"),
        ("c/inner.rs", "use super::{super::d::D, C}; pub struct Inner;"),
        ("d.rs", "pub struct D; use std::fmt::Debug;"),
    ] {
        let path: PathBuf = src.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let package = Package::read(folder.path());
    let circles: Vec<Vec<String>> = package.circles().into_iter().map(|circle| circle.into_iter().collect()).collect();
    assert_eq!(circles, [vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned(), "c/inner".to_owned()]]);
    assert_eq!(package.libraries, BTreeSet::from(["other".to_owned()]));
}
