//! The stack over HTTP, beside its peers: all of them once in each round, so that a machine that gets slower or faster
//! between rounds changes no ratio.

mod curl;
pub mod durable;
mod load;
mod peers;
mod process;
mod report;
mod requests;
mod wrk;

use std::path::Path;

use tempfile::TempDir;

use crate::{
    binaries::Binary,
    error::BenchError,
    figures::{Peak, StackFigures, StackLoad, StackRound},
    programs,
};
use load::{Done, Loads};
use peers::{Kind, PUT, Peer};
use report::Report;

/// Requests of one size, each by its own connection, one after another.
#[derive(Debug, Clone, Copy)]
pub struct StackPlan {
    /// Rounds; each measures everything once.
    pub rounds: usize,
    /// Seconds of each load that wrk makes.
    pub seconds: u64,
}

const CONNECTIONS: usize = 16;
const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;
const GIB: u64 = 1_024 * MIB;
const PUTS: [u64; 3] = [KIB, 100 * KIB, 4 * MIB];
const GETS: [u64; 4] = [KIB, 100 * KIB, 4 * MIB, GIB];
/// Connections that read a file of 1 GiB: each request is a second's work.
const LARGE_CONNECTIONS: usize = 4;
/// What comes at once to see how much memory it takes.
const PARALLEL: (usize, u64) = (64, 100 * MIB);

/// Measures the program `satchel` beside its peers, in folders of their own within `folder`.
///
/// # Errors
/// One of them does not start, or a request is not answered as it should be.
pub fn measure(binary: &Binary, plan: StackPlan, folder: &Path) -> Result<StackFigures, BenchError> {
    [wrk::PROGRAM, curl::PROGRAM].into_iter().try_for_each(programs::need)?;
    std::fs::create_dir_all(folder)?;
    let folder = tempfile::Builder::new().prefix("satchel-bench-").tempdir_in(folder)?;
    let (peers, missing) = start(binary, &folder)?;
    let means = Loads { connections: CONNECTIONS, seconds: plan.seconds, scratch: folder.path() };
    let mut loads = Vec::new();
    for round in 0..plan.rounds {
        for (put, bytes) in PUTS.map(|bytes| (true, bytes)).into_iter().chain(GETS.map(|bytes| (false, bytes))) {
            // Each comes first once, and behind each other.
            let first = round % peers.len();
            for peer in peers.iter().cycle().skip(first).take(peers.len()) {
                if let Some(done) = measure_one(peer, put, bytes, round, means)? {
                    note(&mut loads, peer, put, bytes, &done);
                }
            }
        }
    }
    let stack = peers.iter().find(|peer| peer.kind == Kind::Satchel);
    let memory = stack.map(|stack| parallel(stack, means)).transpose()?.unwrap_or_default();
    Ok(StackFigures { rounds: plan.rounds, seconds: plan.seconds as f64, missing, loads, memory })
}

/// Those that are installed, and the names of the others.
fn start(binary: &Binary, folder: &TempDir) -> Result<(Vec<Peer>, Vec<String>), BenchError> {
    let (mut peers, mut missing) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        match Peer::start(kind, &binary.file, folder.path())? {
            Some(peer) => peers.push(peer),
            None => missing.push(kind.name().to_owned()),
        }
    }
    Ok((peers, missing))
}

/// One load; `None` where the peer has none of it.
fn measure_one(peer: &Peer, put: bool, bytes: u64, round: usize, means: Loads<'_>) -> Result<Option<Done>, BenchError> {
    let (method, name) = (if put { "PUT" } else { "GET" }, peer.kind.name());
    if bytes == GIB && peer.kind.is_slow() {
        return Ok(None);
    }
    eprintln!("round {}: {method} of {bytes} bytes, {name}", round + 1);
    let load = if put {
        means.putting(peer, &format!("{PUT}-{bytes}-{round}"), bytes)?
    } else {
        let connections = if bytes == GIB { LARGE_CONNECTIONS } else { CONNECTIONS };
        // Those of an earlier round are as good, where a peer still knows them.
        let stored = if bytes == GIB { "get-large".to_owned() } else { format!("get-{bytes}-{round}") };
        if bytes < GIB || round == 0 {
            means.storing(peer, &stored, bytes)?.run(peer)?;
        }
        Loads { connections, ..means }.getting(peer, &stored, bytes)?
    };
    // What others have left to be written is not this load's.
    rustix::fs::sync();
    let done = load.run(peer)?;
    peer.tidy()?;
    rustix::fs::sync();
    Ok(Some(done))
}

/// The memory of the stack after all loads, and after many large bodies at once.
fn parallel(stack: &Peer, means: Loads<'_>) -> Result<Peak, BenchError> {
    let loads_kib = stack.process.memory()?.peak;
    let (connections, bytes) = PARALLEL;
    eprintln!("{connections} parallel PUTs of {bytes} bytes");
    Loads { connections, ..means }.once_each(stack, "parallel", bytes, connections)?.run(stack)?;
    Ok(Peak { loads_kib, parallel_kib: stack.process.memory()?.peak })
}

fn note(loads: &mut Vec<StackLoad>, peer: &Peer, put: bool, bytes: u64, done: &Done) {
    let Report { requests, seconds, p50_ms, p99_ms } = done.report;
    let requests = requests as f64;
    let round = StackRound {
        per_second: requests / seconds,
        p50_ms,
        p99_ms,
        client_us: done.client_seconds * 1e6 / requests,
        server_us: done.server_seconds * 1e6 / requests,
    };
    let (method, name) = (if put { "PUT" } else { "GET" }, peer.kind.name());
    match loads.iter_mut().find(|load| load.peer == name && load.method == method && load.bytes == bytes) {
        Some(load) => load.rounds.push(round),
        None => loads.push(StackLoad { peer: name.to_owned(), method: method.to_owned(), bytes, rounds: vec![round] }),
    }
}
