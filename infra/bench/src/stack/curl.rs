//! curl makes the loads of large files, some at a time, on connections that are kept. Each runs on one thread, so that there are
//! two of them, as wrk has two threads.

use std::{
    io::{self, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Instant,
};

use super::{report::Report, requests::Request};
use crate::{
    error::BenchError,
    statistics::{median, percentile},
};

/// In /usr/bin.
pub const PROGRAM: &str = "curl";
/// Status, bytes of the answer, seconds.
const PRINTED: &str = "write-out = \"%{http_code} %{size_download} %{time_total}\\n\"\n";

const PROCESSES: usize = 2;

/// A load that is written down.
pub struct Curl {
    /// What each process is told to do.
    options: Vec<String>,
    connections: usize,
    /// All others are of the same kind.
    first: Request,
    requests: usize,
}

impl Curl {
    /// Each of the requests once, `connections` of them at a time. What they send is in `folder`.
    ///
    /// # Errors
    /// It cannot be written there.
    pub fn prepare(requests: &[Request], connections: usize, folder: &Path) -> Result<Self, BenchError> {
        let Some(first) = requests.first().cloned() else { return Err(BenchError::Load("no requests".into())) };
        let processes = connections.min(PROCESSES);
        let own = |process| requests.iter().skip(process).step_by(processes);
        let told = |request: &Request| Ok(request.options(folder)? + PRINTED);
        let options =
            (0..processes).map(|process| Ok(own(process).map(told).collect::<io::Result<Vec<_>>>()?.join("next\n")));
        let options = options.collect::<io::Result<Vec<_>>>()?;
        Ok(Self { options, connections: connections / processes, first, requests: requests.len() })
    }

    /// Makes them.
    ///
    /// # Errors
    /// One is not answered as it should be.
    pub fn run(self) -> Result<Report, BenchError> {
        let started = Instant::now();
        let children = self.options.iter().map(|options| start(options, self.connections));
        // All of them, before the first is waited for.
        let children = children.collect::<io::Result<Vec<_>>>()?;
        let done = children.into_iter().map(Child::wait_with_output).collect::<io::Result<Vec<_>>>()?;
        let seconds = started.elapsed().as_secs_f64();
        let text =
            |of: fn(&Output) -> &Vec<u8>| done.iter().map(|done| String::from_utf8_lossy(of(done))).collect::<String>();
        let printed = text(|done| &done.stdout);
        let latencies = printed.lines().filter_map(|line| milliseconds(line, &self.first)).collect::<Vec<_>>();
        if latencies.len() != self.requests {
            let (all, said) = (self.requests, text(|done| &done.stderr));
            let problem = format!("curl: {} of {all} were answered as expected: {printed}{said}", latencies.len());
            return Err(BenchError::Load(problem.into()));
        }
        let (p50_ms, p99_ms) = (median(&latencies), percentile(&latencies, 0.99));
        Ok(Report { requests: self.requests as u64, seconds, p50_ms, p99_ms })
    }
}

fn start(options: &str, connections: usize) -> io::Result<Child> {
    let mut command = Command::new(PROGRAM);
    command.args(["--disable", "--no-progress-meter", "--http1.1", "--parallel", "--parallel-immediate"]);
    command.args(["--parallel-max", &connections.to_string(), "--config", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // It reads all of them before it makes the first.
    child.stdin.take().map(|mut input| input.write_all(options.as_bytes())).transpose()?;
    Ok(child)
}

/// What a request took that is answered as it should be.
fn milliseconds(line: &str, request: &Request) -> Option<f64> {
    let mut words = line.split(' ');
    let (status, bytes): (u16, u64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let expected = status == request.status() && (request.puts || bytes == request.bytes);
    let seconds: f64 = words.next()?.parse().ok()?;
    expected.then_some(seconds * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_answered_as_expected_has_a_time() {
        let get = Request::example(false, 7);
        let put = Request::example(true, 7);
        for (line, request, expected) in [
            ("200 7 0.25", &get, Some(250.0)),
            ("200 6 0.25", &get, None),
            ("307 7 0.25", &get, None),
            ("201 0 0.5", &put, Some(500.0)),
            ("409 0 0.5", &put, None),
            ("000 0 0.000012", &put, None),
            ("", &put, None),
        ] {
            assert_eq!(milliseconds(line, request), expected, "{line}");
        }
    }
}
