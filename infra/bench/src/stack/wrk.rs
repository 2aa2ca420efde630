//! wrk makes the loads of small files. It copies each request twice before it sends it, reads 8 KiB at a time and leaves out what is
//! not complete when its time is over, so that the large ones are curl's.

use std::{fs, path::Path, process::Command};

use serde::Deserialize;

use super::{peers::Peer, report::Report, requests::Request};
use crate::error::BenchError;

/// In /usr/bin.
pub const PROGRAM: &str = "wrk";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wrk.lua");
/// Each has as many of the connections, and a file of requests of its own.
const THREADS: usize = 2;
/// What takes longer has failed. wrk's own limit is 2 s, which a disk may take.
const PATIENCE: &str = "30s";

/// A load that is written down.
pub struct Wrk {
    command: Command,
    /// The least that is read for a request.
    bytes: u64,
}

/// The last line of its script.
#[derive(Debug, Deserialize)]
struct Summary {
    requests: u64,
    seconds: f64,
    bytes: u64,
    failed: u64,
    missing: u64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Wrk {
    /// Writes the requests into `folder`. Those that store are made once each, the others again and again.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn prepare(
        peer: &Peer,
        requests: &[Request],
        connections: usize,
        seconds: u64,
        folder: &Path,
    ) -> Result<Self, BenchError> {
        let Some(first) = requests.first() else { return Err(BenchError::Load("no requests".into())) };
        let files = folder.join("requests-");
        for thread in 0..THREADS {
            let own = requests.iter().skip(thread).step_by(THREADS);
            fs::write(folder.join(format!("requests-{thread}")), own.map(Request::line).collect::<String>())?;
        }
        let mut command = Command::new(PROGRAM);
        command.arg(format!("--threads={THREADS}")).arg(format!("--connections={connections}"));
        command.arg(format!("--duration={seconds}s")).arg(format!("--timeout={PATIENCE}"));
        command.arg(format!("--script={SCRIPT}")).arg(format!("http://{}", peer.address()));
        command.arg(files).args([first.status().to_string(), if first.puts { first.bytes } else { 0 }.to_string()]);
        Ok(Self { command, bytes: if first.puts { 0 } else { first.bytes } })
    }

    /// Makes them.
    ///
    /// # Errors
    /// One is not answered as it should be, or all are made before the time is over.
    pub fn run(mut self) -> Result<Report, BenchError> {
        let done = self.command.output()?;
        let printed = String::from_utf8_lossy(&done.stdout);
        let failed = |problem: String| BenchError::Load(format!("wrk: {problem}").into());
        let last = printed.trim_end().lines().last().unwrap_or_default();
        let Ok(Summary { requests, seconds, bytes, failed: wrong, missing, p50_ms, p99_ms }) =
            serde_json::from_str(last)
        else {
            return Err(failed(format!("{printed}{}", String::from_utf8_lossy(&done.stderr))));
        };
        match () {
            () if wrong > 0 => Err(failed(format!("{wrong} of {requests} were answered otherwise than expected"))),
            () if missing > 0 => Err(failed(format!("all requests were made before {seconds} seconds were over"))),
            () if requests == 0 => Err(failed(format!("nothing was answered in {seconds} seconds"))),
            () if bytes < requests * self.bytes => Err(failed(format!("{bytes} bytes in {requests} answers"))),
            () => Ok(Report { requests, seconds, p50_ms, p99_ms }),
        }
    }
}
