//! One load: some connections, each with its own requests, on two threads of their own whose processor time is taken.

use std::{
    fs,
    net::SocketAddr,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use tokio::{runtime, task::JoinSet};

use super::{client::Client, peers::Peer, requests::Request};
use crate::error::BenchError;

/// Threads; each has as many of the connections.
const THREADS: usize = 2;
/// Files that are stored to be read.
const FILES: usize = 16;
/// Requests that are prepared for each second of a load, and bytes of bodies for each load: more than any peer takes, but
/// for one that does not wait for the disk and ends early.
const PREPARED: f64 = 40_000.0;
const MOST_BYTES: u64 = 512 * 1_024 * 1_024;

/// What one connection does.
struct Lane {
    requests: Vec<Request>,
    /// Whether it begins again with the first one after the last.
    repeats: bool,
}

/// What all connections do.
pub struct Load {
    lanes: Vec<Lane>,
    /// No request is begun later than so many seconds after the start.
    time: Duration,
}

/// What was done.
#[derive(Debug)]
pub struct Done {
    /// Milliseconds of each request.
    pub latencies: Vec<f64>,
    /// From the start to the last answer.
    pub seconds: f64,
    /// Processor time of the threads that made the load.
    pub client_seconds: f64,
    /// The same of the server.
    pub server_seconds: f64,
}

impl Load {
    /// Stores new files.
    pub fn putting(peer: &Peer, folder: &str, bytes: u64, connections: usize, seconds: f64) -> Self {
        let by_time = (PREPARED * seconds) as u64 / connections as u64;
        let each = by_time.min(MOST_BYTES / bytes / connections as u64).max(1);
        Self::of(connections, seconds, false, |lane| {
            (0..each).map(|n| Request::put(peer, &format!("{folder}/{lane}-{n}.bin"), bytes)).collect()
        })
    }

    /// Stores the files that [`Load::getting`] reads, one after another.
    pub fn storing(peer: &Peer, folder: &str, bytes: u64) -> Self {
        Self::of(1, f64::MAX, false, |_| {
            (0..files(bytes)).map(|n| Request::put(peer, &format!("{folder}/{n}.bin"), bytes)).collect()
        })
    }

    /// Reads them again and again, each connection from another one on.
    pub fn getting(peer: &Peer, folder: &str, bytes: u64, connections: usize, seconds: f64) -> Self {
        let files = files(bytes);
        Self::of(connections, seconds, true, |lane| {
            let names = (0..files).map(|n| format!("{folder}/{}.bin", (n + lane) % files));
            names.map(|name| Request::get(peer, &name, bytes)).collect()
        })
    }

    /// Stores one file on each connection, all at once.
    pub fn once_each(peer: &Peer, folder: &str, bytes: u64, connections: usize) -> Self {
        let one = |lane| vec![Request::put(peer, &format!("{folder}/{lane}.bin"), bytes)];
        Self::of(connections, f64::MAX, false, one)
    }

    fn of(connections: usize, seconds: f64, repeats: bool, requests: impl Fn(usize) -> Vec<Request>) -> Self {
        let lanes = (0..connections).map(|lane| Lane { requests: requests(lane), repeats }).collect();
        Self { lanes, time: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX) }
    }

    /// Does it.
    ///
    /// # Errors
    /// A request is not answered as it should be.
    pub fn run(self, peer: &Peer) -> Result<Done, BenchError> {
        let mut threads: Vec<Vec<Lane>> = (0..THREADS).map(|_| Vec::new()).collect();
        self.lanes.into_iter().enumerate().for_each(|(at, lane)| threads[at % THREADS].push(lane));
        let (together, address, time) = (Barrier::new(THREADS + 1), peer.address(), self.time);
        let run = |lanes| run_thread(address, lanes, time, &together);
        let (server_before, shares, started) = thread::scope(|scope| {
            let threads: Vec<_> = threads.into_iter().map(|lanes| scope.spawn(|| run(lanes))).collect();
            together.wait();
            let (before, started) = (peer.process.cpu_seconds(), Instant::now());
            let joined = threads.into_iter().map(|thread| thread.join().map_err(|_| BenchError::Worker)?);
            (before, joined.collect::<Result<Vec<_>, _>>(), started)
        });
        let (seconds, shares) = (started.elapsed().as_secs_f64(), shares?);
        let client_seconds = shares.iter().map(|share| share.1).sum();
        let latencies = shares.into_iter().flat_map(|share| share.0).collect();
        Ok(Done { latencies, seconds, client_seconds, server_seconds: peer.process.cpu_seconds()? - server_before? })
    }
}

/// One file of a GiB is enough.
fn files(bytes: u64) -> usize {
    if bytes > MOST_BYTES { 1 } else { FILES }
}

type Share = Result<(Vec<f64>, f64), BenchError>;

/// Runs its lanes beside each other; gives milliseconds of each request, and the seconds of processor that they took.
fn run_thread(address: SocketAddr, lanes: Vec<Lane>, time: Duration, together: &Barrier) -> Share {
    let connected = runtime::Builder::new_current_thread().enable_io().build().map_err(BenchError::from);
    let connected = connected.and_then(|runtime| {
        let clients = lanes.iter().map(|_| runtime.block_on(Client::connect(address)));
        Ok((clients.collect::<Result<Vec<_>, _>>()?, runtime))
    });
    // Before anything is said about an error: the others wait for this thread.
    together.wait();
    let (clients, runtime) = connected?;
    let (before, started) = (cpu_seconds()?, Instant::now());
    let latencies = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (client, lane) in clients.into_iter().zip(lanes) {
            tasks.spawn(run_lane(client, lane, started, time));
        }
        tasks.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()
    });
    Ok((latencies?.concat(), cpu_seconds()? - before))
}

async fn run_lane(mut client: Client, lane: Lane, started: Instant, time: Duration) -> Result<Vec<f64>, BenchError> {
    let (mut latencies, rounds) = (Vec::new(), if lane.repeats { usize::MAX } else { 1 });
    for request in (0..rounds).flat_map(|_| &lane.requests) {
        if !latencies.is_empty() && started.elapsed() >= time {
            break;
        }
        let sent = Instant::now();
        client.exchange(request).await?;
        latencies.push(sent.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(latencies)
}

/// What this thread has had of a processor so far: the first number of its `schedstat`, in nanoseconds.
fn cpu_seconds() -> Result<f64, BenchError> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: Option<f64> = text.split_whitespace().next().and_then(|number| number.parse().ok());
    Ok(nanoseconds.ok_or_else(|| std::io::Error::other("the system does not count the time of threads"))? / 1e9)
}
