//! What is measured: the program, and what it is measured against.

mod nginx;
mod prosody;

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{durable::DURABLE, process::Process};
use crate::{
    error::BenchError,
    figures::peers,
    tokens::{SECRET, token},
};

/// What the names of files begin with that are stored and not read.
pub const PUT: &str = "put";

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Which server one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The program `satchel`.
    Satchel,
    /// The bare durable server of this program.
    Durable,
    /// Debian's nginx: static files, and PUT by its WebDAV module, which syncs nothing.
    Nginx,
    /// Debian's Prosody with its own mod_http_file_share, which syncs nothing.
    Prosody,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Satchel, Self::Durable, Self::Nginx, Self::Prosody];

    /// As the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Satchel => peers::SATCHEL,
            Self::Durable => peers::DURABLE,
            Self::Nginx => peers::NGINX,
            Self::Prosody => peers::PROSODY,
        }
    }

    /// Whether it is given fewer large files, and none of 1 GiB. Prosody takes half a second to store 4 MiB, and minutes to
    /// read what one round reads of the other.
    pub fn is_slow(self) -> bool {
        self == Self::Prosody
    }
}

/// One that is running.
pub struct Peer {
    /// Which it is.
    pub kind: Kind,
    /// Its process.
    pub process: Process,
    address: SocketAddr,
    folder: PathBuf,
}

impl Peer {
    /// Starts one, with all that it has in a folder of its own below `folder`; `None` where it is not installed.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(kind: Kind, satchel: &Path, folder: &Path) -> Result<Option<Self>, BenchError> {
        let printed = folder.join(format!("{kind:?}.log"));
        let folder = folder.join(format!("{kind:?}"));
        fs::create_dir_all(&folder)?;
        let (process, address) = match kind {
            Kind::Satchel => {
                let mut command = Command::new(satchel);
                command.args(["--listen", "127.0.0.1:0", "--data"]).arg(&folder);
                command.env_clear().env("SATCHEL_UPLOAD_SECRETS", SECRET);
                Process::announced(kind.name(), &mut command, &printed)?
            }
            Kind::Durable => {
                let mut command = Command::new(env::current_exe()?);
                Process::announced(kind.name(), command.arg(DURABLE).arg(&folder), &printed)?
            }
            Kind::Nginx | Kind::Prosody => {
                let start = if kind == Kind::Nginx { nginx::start } else { prosody::start };
                let Some(started) = start(kind.name(), &folder)? else { return Ok(None) };
                started
            }
        };
        Ok(Some(Self { kind, process, address, folder }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Removes what the last load has stored, where that is files under their own names: all of a run would fill a disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn tidy(&self) -> io::Result<()> {
        if self.kind == Kind::Satchel {
            return Ok(());
        }
        let begun = Instant::now();
        loop {
            match remove_put(&self.folder) {
                // wrk waits for no answer once its time is over, and the peer still stores what it was sent last.
                Err(error) if begun.elapsed() < PATIENCE && is_passing(&error) => thread::sleep(PAUSE),
                done => return done,
            }
        }
    }

    /// The host that its requests name.
    pub fn host(&self) -> String {
        if self.kind == Kind::Prosody { prosody::HOST.to_owned() } else { self.address.to_string() }
    }

    /// Path and query of a file.
    pub fn target(&self, name: &str) -> String {
        match self.kind {
            Kind::Satchel => format!("/upload/{name}"),
            Kind::Durable | Kind::Nginx => format!("/{name}"),
            Kind::Prosody => prosody::target(name),
        }
    }

    /// The query of a PUT that is allowed by one.
    pub fn query(&self, name: &str, bytes: u64) -> String {
        if self.kind == Kind::Satchel { format!("?v={}", token(name, bytes)) } else { String::new() }
    }

    /// The header line of a PUT that is allowed by one.
    pub fn allowing(&self, name: &str, bytes: u64) -> Option<String> {
        (self.kind == Kind::Prosody).then(|| prosody::authorization(name, bytes))
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound)
}

fn remove_put(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, is_folder) = (entry.path(), entry.file_type()?.is_dir());
        match (entry.file_name().as_encoded_bytes().starts_with(PUT.as_bytes()), is_folder) {
            (true, true) => fs::remove_dir_all(path)?,
            (true, false) => fs::remove_file(path)?,
            (false, true) => remove_put(&path)?,
            (false, false) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_to_be_read_stays() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["put-1024-0/0-0.bin", "data/b/put%2d1.bin", "get-1024-0/0.bin", "data/b/get%2d1.bin"] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        remove_put(folder.path()).unwrap();
        let is_there = |name: &str| folder.path().join(name).exists();
        assert!(is_there("get-1024-0/0.bin") && is_there("data/b/get%2d1.bin"));
        assert!(!is_there("put-1024-0") && !is_there("data/b/put%2d1.bin"));
    }
}
