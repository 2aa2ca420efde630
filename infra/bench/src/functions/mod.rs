//! Functions one by one on a runtime API, all of them in each round, so that whatever else the machine does meets all
//! of them alike.

mod events;
pub mod floor;
mod http1;
mod process;
mod prosody;
mod runtime_api;
mod s3;
mod subjects;

use std::{collections::BTreeMap, env, net::SocketAddr, thread, time::Duration};

use tokio::runtime::Runtime;

use crate::{
    binaries::{Binaries, Binary},
    cli::FLOOR,
    error::BenchError,
    figures::{FunctionFigures, Kind, Round},
    statistics::{median, percentile},
};
pub use events::{SECRET, token};
use process::Process;
use runtime_api::{RuntimeApi, Timeline};
use s3::S3;
use subjects::{SUBJECTS, Subject};

/// By how much large bodies are invoked less often.
const FEWER: usize = 50;

/// What the preparations have left to do in the background is done by then.
const QUIET: Duration = Duration::from_millis(20);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds that count; one more goes before them, so that all binaries are in the page cache.
    pub rounds: usize,
    /// Warm invokes of each process.
    pub invokes: usize,
}

/// The functions that are measured, without duplicates.
pub fn functions() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        SUBJECTS.iter().map(|subject| subject.function).filter(|name| !name.is_empty()).collect();
    names.dedup();
    names
}

/// Measures all subjects.
///
/// # Errors
/// Any of them does not answer as it should.
pub fn measure(plan: Plan, binaries: &Binaries, runtime: &Runtime) -> Result<Vec<FunctionFigures>, BenchError> {
    let machine = Machine { api: RuntimeApi::start()?, prosody: prosody::start()?, runtime };
    let mut rows = Vec::new();
    for subject in SUBJECTS {
        rows.push(row(subject, &program(subject, binaries)?));
    }
    for round in 0..=plan.rounds {
        eprint!("\rround {round} of {}", plan.rounds);
        for turn in 0..SUBJECTS.len() {
            // Nobody always comes after the same other.
            let number = (turn + round) % SUBJECTS.len();
            let subject = &SUBJECTS[number];
            let warm = if round == 0 { 1 } else { invokes(subject, plan) };
            let measured = one(subject, &program(subject, binaries)?, warm, &machine)?;
            if round > 0 {
                rows[number].rounds.push(measured);
            }
        }
    }
    eprintln!();
    Ok(rows)
}

fn invokes(subject: &Subject, plan: Plan) -> usize {
    if subject.body.is_some() { (plan.invokes / FEWER).max(5) } else { plan.invokes }
}

/// The binary of a subject; the harness's own for the one that is none.
fn program(subject: &Subject, binaries: &Binaries) -> Result<Binary, BenchError> {
    if subject.kind == Kind::Harness {
        return Ok(Binary { file: env::current_exe()?, bytes: 0, package_bytes: 0 });
    }
    binaries.get(subject.function)
}

fn row(subject: &Subject, binary: &Binary) -> FunctionFigures {
    FunctionFigures {
        function: if subject.kind == Kind::Harness { "(harness)".into() } else { subject.function.into() },
        operation: subject.operation.into(),
        kind: subject.kind,
        arithmetic: subject.arithmetic,
        binary_bytes: binary.bytes,
        package_bytes: binary.package_bytes,
        body_bytes: subject.body.unwrap_or_default() as u64,
        rounds: Vec::new(),
    }
}

/// What runs next to all processes.
struct Machine<'a> {
    api: RuntimeApi,
    prosody: SocketAddr,
    runtime: &'a Runtime,
}

fn one(subject: &Subject, binary: &Binary, warm: usize, machine: &Machine<'_>) -> Result<Round, BenchError> {
    let Machine { api, prosody, runtime } = machine;
    let s3 = S3::start(runtime)?;
    let script = (subject.script)(&s3, warm + 1)?;
    let before = s3.requests();
    let outcome = api.play(script);
    let arguments: &[&str] = if subject.kind == Kind::Harness { &[FLOOR] } else { &[] };
    let mut variables = s3.variables();
    variables.push(("SATCHEL_PROSODY_REFRESH_URL", format!("http://{prosody}/roster_admin/refresh")));
    variables.extend(subject.variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
    thread::sleep(QUIET);
    let mut process = Process::execute(subject.function, &binary.file, arguments, api.address(), &variables)?;
    let (executed, timeline) = (process.executed, process.outcome(&outcome)?);
    let memory = process.memory()?;
    let requests = since(&before, &s3.requests(), warm + 1);
    drop(process);
    s3.stop()?;
    Ok(round(&timeline, executed, memory, requests))
}

fn round(
    timeline: &Timeline,
    executed: std::time::Instant,
    memory: crate::memory::Memory,
    s3_requests: BTreeMap<String, f64>,
) -> Round {
    let warm: Vec<f64> = timeline.warm.iter().copied().map(microseconds).collect();
    Round {
        first_poll_us: microseconds(timeline.first_poll - executed),
        first_response_us: microseconds(timeline.first_response - executed),
        warm_p50_us: median(&warm),
        warm_p99_us: percentile(&warm, 0.99),
        resident_kib: memory.resident,
        peak_kib: memory.peak,
        s3_requests,
    }
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Requests per invoke.
fn since(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>, invokes: usize) -> BTreeMap<String, f64> {
    let grown = after.iter().map(|(name, count)| (name, count - before.get(name).copied().unwrap_or_default()));
    grown.filter(|(_, count)| *count > 0).map(|(name, count)| (name.clone(), count as f64 / invokes as f64)).collect()
}
