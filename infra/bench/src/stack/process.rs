//! The program `satchel` on free ports and a folder of its own.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::client::Target;
use crate::{
    error::BenchError,
    functions::SECRET,
    memory::{self, Memory},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A process that ends with this value, and its folder with it.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub target: Target,
    _folder: TempDir,
}

impl Process {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// It does not.
    pub fn start(binary: &Path) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(binary);
        command.args(["--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--data"]).arg(folder.path());
        command.env_clear().env("SATCHEL_UPLOAD_SECRETS", SECRET);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let address = address(&mut child);
        let target = Target { gateway: address.clone().unwrap_or_default() };
        let process = Self { child, target, _folder: folder };
        match address {
            Some(_) => Ok(process),
            None => Err(BenchError::Process {
                program: "satchel".into(),
                problem: "does not say where it listens".into(),
                stderr: String::new(),
            }),
        }
    }

    /// What it has in memory.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(&self) -> Result<Memory, BenchError> {
        Ok(memory::of(self.child.id())?)
    }
}

/// Reads the address off what it prints, and all that it prints later, too: it must not wait for us.
fn address(child: &mut Child) -> Option<String> {
    let output = BufReader::new(child.stdout.take()?);
    let (found, address) = mpsc::channel();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("listens on http://") {
                // Only the first one is waited for.
                let _ = found.send(address.trim().to_owned());
            }
        }
    });
    address.recv_timeout(PATIENCE).ok()
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
