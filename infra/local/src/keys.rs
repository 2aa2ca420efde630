//! Secrets that the stack makes for itself, kept in the data folder for its owner alone.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// Creates the data folder, readable by nobody else.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The secret in `folder/name`; made of 32 random bytes, in hex, where there is none yet.
pub fn kept(folder: &Path, name: &str) -> io::Result<String> {
    let file = folder.join(name);
    match fs::read_to_string(&file) {
        Ok(secret) if !secret.trim().is_empty() => Ok(secret.trim().to_owned()),
        Ok(_) => make(folder, name),
        Err(error) if error.kind() == ErrorKind::NotFound => make(folder, name),
        Err(error) => Err(error),
    }
}

/// Written aside and renamed: a crash leaves no half secret.
fn make(folder: &Path, name: &str) -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let secret = hex::encode(bytes);
    let aside = folder.join(format!("{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(format!("{secret}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, folder.join(name))?;
    Ok(secret)
}
