//! A server that ends with its measurement, and its share of the processors.

use std::{
    fs::{self, File},
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    error::BenchError,
    memory::{self, Memory},
};

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
/// Clock ticks a second, as Linux counts them for programs on every machine.
const TICKS: f64 = 100.0;

/// A process that ends with this value.
pub struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    /// Starts a program that prints its address behind `listens on http://`, into a file, as services print their lines.
    ///
    /// # Errors
    /// It does not.
    pub fn announced(
        name: &'static str,
        command: &mut Command,
        printed: &Path,
    ) -> Result<(Self, SocketAddr), BenchError> {
        let (output, begun) = (File::create(printed)?, Instant::now());
        let child = command.stdin(Stdio::null()).stdout(output).stderr(Stdio::null()).spawn()?;
        let process = Self { name, child };
        while begun.elapsed() < PATIENCE {
            if let Some(address) = announced(&fs::read_to_string(printed)?) {
                return Ok((process, address));
            }
            thread::sleep(PAUSE);
        }
        Err(failed(name, "does not say where it listens"))
    }

    /// Starts a program that listens at `address` by its configuration, and waits until it does.
    ///
    /// # Errors
    /// It does not.
    pub fn listening(name: &'static str, command: &mut Command, address: SocketAddr) -> Result<Self, BenchError> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let (mut process, begun) = (Self { name, child }, Instant::now());
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > PATIENCE || process.child.try_wait()?.is_some() {
                return Err(failed(name, "does not listen"));
            }
            thread::sleep(PAUSE);
        }
        Ok(process)
    }

    /// What it has in memory.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(&self) -> Result<Memory, BenchError> {
        Ok(memory::of(self.child.id())?)
    }

    /// What it and its children have had of the processors so far.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu_seconds(&self) -> Result<f64, BenchError> {
        let own = self.child.id();
        let ticks = ticks_of(own)?.ok_or_else(|| failed(self.name, "has ended"))?;
        Ok(children_of(own).into_iter().try_fold(ticks, |sum, child| {
            // One that ends at this moment has no more to say.
            Ok::<_, io::Error>(sum + ticks_of(child)?.unwrap_or_default())
        })? / TICKS)
    }
}

/// A port that nobody has at the moment.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

fn failed(program: &'static str, problem: &str) -> BenchError {
    BenchError::Process { program: program.into(), problem: problem.into(), stderr: String::new() }
}

/// The first address, once its line is complete.
fn announced(printed: &str) -> Option<SocketAddr> {
    let (_, rest) = printed.split_once("listens on http://")?;
    let (address, _) = rest.split_once('\n')?;
    address.trim().parse().ok()
}

fn children_of(process: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

fn ticks_of(process: u32) -> io::Result<Option<f64>> {
    match fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => Ok(ticks(&stat)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// `utime` and `stime` (proc(5)), counted from behind the name, which may hold anything.
fn ticks(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

impl Drop for Process {
    fn drop(&mut self) {
        // nginx's workers are told by their master alone, and by SIGTERM.
        if let Some(process) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE / 3 && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(PAUSE);
        }
        // Both fail where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_once_its_line_is_complete() {
        assert_eq!(announced("satchel listens on http://127.0.0.1:80"), None);
        let expected = Some(SocketAddr::from(([127, 0, 0, 1], 8_080)));
        assert_eq!(announced("starts\nlistens on http://127.0.0.1:8080\nmore\n"), expected);
    }

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 12 30 0 0 20 0 1 0 5 1 1";
        assert_eq!(ticks(stat).map(|ticks| ticks as u64), Some(42));
        assert!(ticks("7 (a").is_none());
    }
}
