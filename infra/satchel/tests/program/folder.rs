//! The data folder is the program's alone.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::process::Program;

const OTHERS: u32 = 0o077;

/// What others may look at below a folder.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_open = |path: &PathBuf| path.metadata().unwrap().permissions().mode() & OTHERS != 0;
    entries.filter(is_open).collect()
}

#[test]
fn what_is_stored_is_for_its_owner_alone_whatever_the_mask_says() {
    let program = Program::start_with("umask 0", &[]);
    assert_eq!(program.put("u/a", 5), 201);
    assert_eq!(program.put("u/large", 5_000_000), 201);
    let below = fs::read_dir(program.data().join("s3")).unwrap().map(|entry| entry.unwrap().path());
    let below: Vec<_> = below.filter(|path| path.is_dir()).collect();
    for folder in [program.data(), program.data().join("s3")].iter().chain(&below) {
        assert_eq!(open_to_others(folder), Vec::<PathBuf>::new(), "{}", folder.display());
    }
    assert_eq!(program.data().metadata().unwrap().permissions().mode() & OTHERS, 0);
    assert!(!program.errors().contains("data folder"), "{}", program.errors());
}

#[test]
fn an_open_data_folder_is_named_and_what_is_in_it_made_private() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    fs::create_dir_all(data.join("s3")).unwrap();
    fs::write(data.join("s3-secret"), "0123456789abcdef\n").unwrap();
    for (path, mode) in [("", 0o755), ("s3", 0o755), ("s3-secret", 0o644)] {
        fs::set_permissions(data.join(path), Permissions::from_mode(mode)).unwrap();
    }
    let program = Program::start_in(place, "", &[]);
    assert_eq!(program.put("u/a", 5), 201);
    assert_eq!(open_to_others(&data), Vec::<PathBuf>::new());
    let errors = program.errors();
    let named: Vec<_> = errors.lines().filter(|line| line.contains(data.to_str().unwrap())).collect();
    assert_eq!(named.len(), 1, "{errors}");
}
