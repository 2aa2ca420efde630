//! Secrets that the stack makes for itself, kept in the data folder for its owner alone.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

/// What group and others may do.
const OTHERS: u32 = 0o077;

/// Creates the data folder, or one in it, readable by nobody else.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes those of `names` that are in `folder` private, where others may look into it. Says whether they may.
pub fn shield(folder: &Path, names: &[&str]) -> io::Result<bool> {
    if fs::metadata(folder)?.permissions().mode() & OTHERS == 0 {
        return Ok(false);
    }
    for name in names {
        let path = folder.join(name);
        let found = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            found => found?,
        };
        let mode = found.permissions().mode();
        // What a link leads to is somebody else's choice.
        if !found.is_symlink() && mode & OTHERS != 0 {
            fs::set_permissions(&path, Permissions::from_mode(mode & !OTHERS))?;
        }
    }
    Ok(true)
}

/// The secret in `folder/name`; made of 32 random bytes, in hex, where there is none yet. Of several that start at once,
/// all have the one that is on disk.
pub fn kept(folder: &Path, name: &str) -> io::Result<String> {
    match read(folder, name) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        read => return read,
    }
    make(folder, name)?;
    read(folder, name)
}

fn read(folder: &Path, name: &str) -> io::Result<String> {
    let secret = fs::read_to_string(folder.join(name))?;
    match secret.trim() {
        "" => {
            let problem =
                format!("its file {name} is empty; put the secret back, or remove the file to have a new one made");
            Err(io::Error::new(ErrorKind::InvalidData, problem))
        }
        secret => Ok(secret.to_owned()),
    }
}

/// Written aside and put in its place unless there is one: neither a crash nor somebody else leaves half a secret, or
/// another than is used.
fn make(folder: &Path, name: &str) -> io::Result<()> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    // Its mode is 0600.
    let mut aside = tempfile::Builder::new().prefix(&format!(".{name}-")).tempfile_in(folder)?;
    aside.write_all(format!("{}\n", hex::encode(bytes)).as_bytes())?;
    aside.as_file().sync_all()?;
    match aside.persist_noclobber(folder.join(name)) {
        Ok(_) => File::open(folder)?.sync_all(),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn of_first_starts_at_once_all_have_the_secret_that_is_on_disk() {
        for _ in 0..50 {
            let folder = tempfile::tempdir().unwrap();
            let starts = Barrier::new(6);
            let start = || {
                starts.wait();
                kept(folder.path(), "secret").unwrap()
            };
            let secrets: Vec<String> = thread::scope(|scope| {
                let started: Vec<_> = (0..6).map(|_| scope.spawn(start)).collect();
                started.into_iter().map(|start| start.join().unwrap()).collect()
            });
            let file = folder.path().join("secret");
            let on_disk = fs::read_to_string(&file).unwrap();
            assert!(on_disk.len() == 65 && secrets.iter().all(|secret| secret == on_disk.trim()), "{secrets:?}");
            assert_eq!((mode(&file), fs::read_dir(folder.path()).unwrap().count()), (0o600, 1));
        }
    }

    #[test]
    fn an_empty_secret_is_no_secret_and_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", " \n"] {
            fs::write(folder.path().join("secret"), text).unwrap();
            let error = kept(folder.path(), "secret").unwrap_err().to_string();
            assert!(error.contains("secret is empty"), "{error}");
            assert_eq!(fs::read_to_string(folder.path().join("secret")).unwrap(), text);
        }
    }

    #[test]
    fn what_is_in_an_open_folder_is_made_private_unless_it_is_a_link_or_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let names = ["secret", "files", "link", "none"];
        for name in ["secret", "not ours", "led to"] {
            fs::write(path(name), "a").unwrap();
            fs::set_permissions(path(name), Permissions::from_mode(0o644)).unwrap();
        }
        fs::create_dir(path("files")).unwrap();
        fs::set_permissions(path("files"), Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(path("led to"), path("link")).unwrap();
        for (of_folder, exposed, secret, files) in [(0o700, false, 0o644, 0o755), (0o755, true, 0o600, 0o700)] {
            fs::set_permissions(folder.path(), Permissions::from_mode(of_folder)).unwrap();
            assert_eq!(shield(folder.path(), &names).unwrap(), exposed);
            assert_eq!([mode(&path("secret")), mode(&path("files"))], [secret, files]);
            assert_eq!([mode(&path("not ours")), mode(&path("led to"))], [0o644; 2]);
        }
    }
}
