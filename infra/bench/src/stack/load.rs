//! One load: requests that wrk or curl makes, on some connections, while processor time is taken of both sides.

use std::path::Path;

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};

use super::{curl::Curl, peers::Peer, report::Report, requests::Request, wrk::Wrk};
use crate::error::BenchError;

/// Files that are stored to be read.
const FILES: usize = 16;
const MIB: u64 = 1_024 * 1_024;
/// From here on files are large: their loads are made by curl, and have an end.
const LARGE: u64 = MIB;
/// Bytes of a load that stores large files, and of one that reads them.
const STORED: u64 = 512 * MIB;
const READ: u64 = 8_192 * MIB;
/// By how much these are less for a peer that takes long for them.
const FEWER: u64 = 32;
/// Requests that are prepared for each second that wrk stores: more than any peer takes.
const PREPARED: u64 = 40_000;

/// What all connections do.
pub enum Load {
    /// For a time.
    Wrk(Wrk),
    /// A number of times.
    Curl(Curl),
}

/// What a load was, and what it took of the processors.
#[derive(Debug)]
pub struct Done {
    /// Requests and their time.
    pub report: Report,
    /// Processor time of the program that made the load.
    pub client_seconds: f64,
    /// The same of the server.
    pub server_seconds: f64,
}

/// How loads are made.
#[derive(Debug, Clone, Copy)]
pub struct Loads<'a> {
    /// Connections that have one request each at any time.
    pub connections: usize,
    /// Seconds of those that are made for a time.
    pub seconds: u64,
    /// Where requests and bodies are written down.
    pub scratch: &'a Path,
}

impl Loads<'_> {
    /// Stores new files.
    ///
    /// # Errors
    /// The requests cannot be written down.
    pub fn putting(&self, peer: &Peer, folder: &str, bytes: u64) -> Result<Load, BenchError> {
        if bytes >= LARGE {
            return self.once_each(peer, folder, bytes, self.count(peer, STORED / bytes));
        }
        let count = usize::try_from(PREPARED * self.seconds).unwrap_or(usize::MAX);
        self.wrk(peer, &puts(peer, folder, bytes, count))
    }

    /// Stores the files that [`Loads::getting`] reads, one after another.
    ///
    /// # Errors
    /// The requests cannot be written down.
    pub fn storing(&self, peer: &Peer, folder: &str, bytes: u64) -> Result<Load, BenchError> {
        Self { connections: 1, ..*self }.once_each(peer, folder, bytes, files(bytes))
    }

    /// Reads them again and again.
    ///
    /// # Errors
    /// The requests cannot be written down.
    pub fn getting(&self, peer: &Peer, folder: &str, bytes: u64) -> Result<Load, BenchError> {
        let get = |n| Request::get(peer, &format!("{folder}/{n}.bin"), bytes);
        let files = (0..files(bytes)).map(get);
        if bytes >= LARGE {
            let count = self.count(peer, READ / bytes);
            return self.curl(&files.collect::<Vec<_>>().into_iter().cycle().take(count).collect::<Vec<_>>());
        }
        self.wrk(peer, &files.collect::<Vec<_>>())
    }

    /// Stores so many files, as many at once as there are connections.
    ///
    /// # Errors
    /// The requests cannot be written down.
    pub fn once_each(&self, peer: &Peer, folder: &str, bytes: u64, count: usize) -> Result<Load, BenchError> {
        self.curl(&puts(peer, folder, bytes, count))
    }

    /// Requests of a load that has an end: at least one on each connection.
    fn count(&self, peer: &Peer, most: u64) -> usize {
        let count = if peer.kind.is_slow() { most / FEWER } else { most };
        usize::try_from(count).unwrap_or(usize::MAX).max(self.connections)
    }

    fn curl(&self, requests: &[Request]) -> Result<Load, BenchError> {
        Curl::prepare(requests, self.connections, self.scratch).map(Load::Curl)
    }

    fn wrk(&self, peer: &Peer, requests: &[Request]) -> Result<Load, BenchError> {
        Wrk::prepare(peer, requests, self.connections, self.seconds, self.scratch).map(Load::Wrk)
    }
}

impl Load {
    /// Does it.
    ///
    /// # Errors
    /// A request is not answered as it should be.
    pub fn run(self, peer: &Peer) -> Result<Done, BenchError> {
        let (server, client) = (peer.process.cpu_seconds()?, ended_children()?);
        let report = match self {
            Self::Wrk(wrk) => wrk.run(),
            Self::Curl(curl) => curl.run(),
        }?;
        Ok(Done {
            report,
            client_seconds: ended_children()? - client,
            server_seconds: peer.process.cpu_seconds()? - server,
        })
    }
}

fn puts(peer: &Peer, folder: &str, bytes: u64, count: usize) -> Vec<Request> {
    (0..count).map(|n| Request::put(peer, &format!("{folder}/{n}.bin"), bytes)).collect()
}

/// One file of a GiB is enough.
fn files(bytes: u64) -> usize {
    if bytes > STORED { 1 } else { FILES }
}

/// What this process's children have had of the processors that have ended and were waited for: no peer is one of them yet.
fn ended_children() -> Result<f64, BenchError> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(std::io::Error::from)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6)
}
