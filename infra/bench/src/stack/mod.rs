//! The stack over HTTP: many files of one size at a time, then one of 1 GiB.

mod client;
mod process;

use std::time::{Duration, Instant};

use http::Method;
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    binaries::Binary,
    error::BenchError,
    figures::{Load, StackFigures, Stream},
    statistics::{median, percentile},
};
use client::{Client, Target};
use process::Process;

const SIZES: [u64; 3] = [1_024, 100 * 1_024, 4 * 1_024 * 1_024];
const CONNECTIONS: [usize; 3] = [1, 16, 128];
const LARGE: u64 = 1_024 * 1_024 * 1_024;

/// Measures the program `satchel`, for `time` per load.
///
/// # Errors
/// It does not start, or a request is not answered as it should be.
pub fn measure(binary: &Binary, time: Duration, runtime: &Runtime) -> Result<StackFigures, BenchError> {
    let mut loads = Vec::new();
    let stack = Process::start(&binary.file)?;
    for bytes in SIZES {
        for connections in CONNECTIONS {
            eprintln!("stack: {bytes} bytes, {connections} connections");
            loads.extend(runtime.block_on(load(&stack.target, bytes, connections, time))?);
        }
    }
    drop(stack);
    // A process of its own: what the loads have left in memory says nothing about a stream.
    let stack = Process::start(&binary.file)?;
    let streams = runtime.block_on(streams(&stack))?;
    Ok(StackFigures { loads, streams })
}

/// Files of one size, stored and then read again by as many connections.
async fn load(target: &Target, bytes: u64, connections: usize, time: Duration) -> Result<[Load; 2], BenchError> {
    let stored = vec![usize::MAX; connections];
    let put = all(target, Method::PUT, bytes, &stored, time).await?;
    let stored: Vec<usize> = put.latencies.iter().map(Vec::len).collect();
    let get = all(target, Method::GET, bytes, &stored, time).await?;
    Ok([put.summary(&Method::PUT, bytes), get.summary(&Method::GET, bytes)])
}

/// What was done at the same time: milliseconds of each request, by connection.
struct Done {
    latencies: Vec<Vec<f64>>,
    took: Duration,
}

impl Done {
    fn summary(&self, method: &Method, bytes: u64) -> Load {
        let all = self.latencies.concat();
        Load {
            method: method.to_string(),
            bytes,
            connections: self.latencies.len(),
            per_second: all.len() as f64 / self.took.as_secs_f64(),
            p50_ms: median(&all),
            p99_ms: percentile(&all, 0.99),
        }
    }
}

/// A client for each of `files`, which says how many different ones it may use.
async fn all(target: &Target, method: Method, bytes: u64, files: &[usize], time: Duration) -> Result<Done, BenchError> {
    let started = Instant::now();
    let (mut tasks, count) = (JoinSet::new(), files.len());
    for (connection, files) in files.iter().copied().enumerate() {
        let (client, method) = (Client::new(target.clone()), method.clone());
        let folder = format!("{bytes}-{count}/{connection}");
        tasks.spawn(async move { (connection, many(client, method, &folder, bytes, files, time).await) });
    }
    let mut latencies = vec![Vec::new(); count];
    for (connection, done) in tasks.join_all().await {
        latencies[connection] = done?;
    }
    Ok(Done { latencies, took: started.elapsed() })
}

/// One request after another, at least one.
async fn many(
    mut client: Client,
    method: Method,
    folder: &str,
    bytes: u64,
    files: usize,
    time: Duration,
) -> Result<Vec<f64>, BenchError> {
    let (started, mut latencies) = (Instant::now(), Vec::new());
    while latencies.is_empty() || started.elapsed() < time {
        let (sent, path) = (Instant::now(), format!("{folder}-{}.bin", latencies.len() % files));
        client.send(&method, path, bytes).await?;
        latencies.push(sent.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(latencies)
}

async fn streams(stack: &Process) -> Result<Vec<Stream>, BenchError> {
    let mut client = Client::new(stack.target.clone());
    let mut streams = Vec::new();
    for method in [Method::PUT, Method::GET] {
        eprintln!("stack: {method} of 1 GiB");
        let (before, started) = (stack.memory()?, Instant::now());
        client.send(&method, "large.bin".to_owned(), LARGE).await?;
        let seconds = started.elapsed().as_secs_f64();
        let resident_before_kib = before.resident;
        let peak_kib = stack.memory()?.peak;
        streams.push(Stream { method: method.to_string(), bytes: LARGE, seconds, resident_before_kib, peak_kib });
    }
    Ok(streams)
}
