//! Callgrind, of Debian's valgrind: how many instructions a process takes, which is the same on an idle machine and on a
//! busy one. What it tells of a processor has AVX2 at most, so that figures of machines with AVX-512 and without agree.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::error::BenchError;

/// In /usr/bin, where a process without PATH is looked for, too.
pub const PROGRAM: &str = "valgrind";

/// One process under it, and where its figures are written.
pub struct Callgrind(TempDir);

impl Callgrind {
    /// A folder for one process.
    ///
    /// # Errors
    /// There can be none.
    pub fn new() -> Result<Self, BenchError> {
        Ok(Self(tempfile::tempdir()?))
    }

    /// What runs `binary` under it.
    pub fn command(&self, binary: &Path) -> Command {
        let mut file = OsString::from("--callgrind-out-file=");
        file.push(self.file());
        let mut command = Command::new(PROGRAM);
        command.args(["--tool=callgrind", "--quiet"]).arg(file).arg(binary);
        command
    }

    /// The instructions of the process from its start to its end.
    ///
    /// # Errors
    /// It has not ended, or not so that Callgrind could write.
    pub fn instructions(&self) -> Result<u64, BenchError> {
        let file = self.file();
        let failed = |problem: String| BenchError::File { file: file.clone(), problem };
        let text = fs::read_to_string(&file).map_err(|error| failed(error.to_string()))?;
        totals(&text).ok_or_else(|| failed("it has no totals".into()))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("callgrind.out")
    }
}

/// Valgrind manual, "Callgrind Format Specification": the sum of all costs, of the one event there is, `Ir`.
fn totals(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_took_the_sum_of_all_instructions() {
        let text = "# callgrind format\nversion: 1\nevents: Ir\nsummary: 12\n\nfn=(1) main\n5 12\n\ntotals: 4711\n";
        assert_eq!(totals(text), Some(4_711));
        for other in ["", "events: Ir\n", "totals: \n", "totals: 1 2\n"] {
            assert_eq!(totals(other), None, "{other}");
        }
    }
}
