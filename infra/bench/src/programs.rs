//! Programs of Debian's that measure, or make a load, or are measured.

use std::{env, path::PathBuf};

use crate::error::BenchError;

/// Where a program is, if it is installed: not every user has `/usr/sbin` in their path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/bin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Whether a program is there without which nothing can be measured.
///
/// # Errors
/// It is not: what to do.
pub fn need(program: &'static str) -> Result<(), BenchError> {
    find(program).map(|_| ()).ok_or(BenchError::NotInstalled(program))
}
