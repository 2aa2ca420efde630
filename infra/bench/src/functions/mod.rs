//! Functions one by one on a runtime API, all of them in each round, so that whatever else the machine does meets all
//! of them alike.

mod callgrind;
pub mod counts;
mod events;
pub mod floor;
mod http1;
mod neighbours;
pub mod peers;
mod process;
mod runtime_api;
mod s3;
mod subjects;

use std::{
    collections::BTreeMap,
    env,
    process::Command,
    sync::mpsc::Receiver,
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

use crate::{
    binaries::{Binaries, Binary},
    cli::FLOOR,
    error::BenchError,
    figures::{FunctionFigures, Kind, Round},
    memory::Memory,
    statistics::{median, percentile},
};
use callgrind::Callgrind;
pub use events::{SECRET, token};
use neighbours::Neighbours;
use process::Process;
use runtime_api::{Outcome, RuntimeApi, Script, Timeline};
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
    let contenders = SUBJECTS.iter().map(|subject| Ok((subject, program(subject, binaries)?)));
    in_rounds(&contenders.collect::<Result<Vec<_>, BenchError>>()?, plan, runtime)
}

/// A row for each of those who are measured, all of them once in each round.
fn in_rounds(
    contenders: &[(&Subject, Binary)],
    plan: Plan,
    runtime: &Runtime,
) -> Result<Vec<FunctionFigures>, BenchError> {
    let machine = Machine::start(runtime)?;
    let mut rows: Vec<_> = contenders.iter().map(|(subject, binary)| row(subject, binary)).collect();
    for round in 0..=plan.rounds {
        eprint!("\rround {round} of {}", plan.rounds);
        for turn in 0..contenders.len() {
            // Nobody always comes after the same other.
            let number = (turn + round) % contenders.len();
            let (subject, binary) = &contenders[number];
            let warm = if round == 0 { 1 } else { invokes(subject, plan) };
            let measured = one(subject, binary, warm, &machine)?;
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
        let (file, arguments) = (env::current_exe()?, vec![FLOOR.to_owned()]);
        return Ok(Binary { file, arguments, bytes: 0, package_bytes: 0 });
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
    neighbours: Neighbours,
    runtime: &'a Runtime,
}

impl<'a> Machine<'a> {
    fn start(runtime: &'a Runtime) -> Result<Self, BenchError> {
        Ok(Self { api: RuntimeApi::start()?, neighbours: Neighbours::start()?, runtime })
    }
}

fn one(subject: &Subject, binary: &Binary, warm: usize, machine: &Machine<'_>) -> Result<Round, BenchError> {
    let Played { timeline, executed, memory, s3_requests } = play(subject, binary, warm + 1, machine)?;
    Ok(round(&timeline, executed, memory, s3_requests))
}

/// What a process did that has answered all invokes.
struct Played {
    timeline: Timeline,
    executed: Instant,
    memory: Memory,
    s3_requests: BTreeMap<String, f64>,
}

fn play(subject: &Subject, binary: &Binary, invokes: usize, machine: &Machine<'_>) -> Result<Played, BenchError> {
    let stage = Stage::set(subject, invokes, machine)?;
    let mut process = stage.execute(binary, None)?;
    let (executed, timeline) = (process.executed, process.outcome(&stage.outcome)?);
    let memory = process.memory()?;
    let s3_requests = since(&stage.before, &stage.s3.requests(), invokes);
    drop(process);
    stage.s3.stop()?;
    Ok(Played { timeline, executed, memory, s3_requests })
}

/// The instructions of a process from exec until it waits for an invoke that does not come.
fn under_callgrind(
    subject: &Subject,
    binary: &Binary,
    invokes: usize,
    machine: &Machine<'_>,
) -> Result<u64, BenchError> {
    let stage = Stage::set(subject, invokes, machine)?;
    let callgrind = Callgrind::new()?;
    let mut process = stage.execute(binary, Some(&callgrind))?;
    process.outcome(&stage.outcome)?;
    process.end_when_idle()?;
    drop(process);
    stage.s3.stop()?;
    callgrind.instructions()
}

/// What a process finds around it.
struct Stage<'a> {
    subject: &'a Subject,
    machine: &'a Machine<'a>,
    s3: S3<'a>,
    before: BTreeMap<String, u64>,
    outcome: Receiver<Outcome>,
}

impl<'a> Stage<'a> {
    fn set(subject: &'a Subject, invokes: usize, machine: &'a Machine<'a>) -> Result<Self, BenchError> {
        let s3 = S3::start(machine.runtime)?;
        // The first event is made beforehand, even where it is never sent.
        let script = Script { invokes, ..(subject.script)(&s3, invokes.max(1))? };
        let before = s3.requests();
        Ok(Self { subject, machine, s3, before, outcome: machine.api.play(script) })
    }

    fn execute(&self, binary: &Binary, callgrind: Option<&Callgrind>) -> Result<Process, BenchError> {
        let Machine { api, neighbours, .. } = self.machine;
        let mut variables = self.s3.variables();
        variables.extend(neighbours.variables());
        variables.extend(self.subject.variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        thread::sleep(QUIET);
        let mut command = match callgrind {
            None => Command::new(&binary.file),
            Some(callgrind) => callgrind.command(&binary.file),
        };
        command.args(&binary.arguments);
        Process::execute(self.subject.function, command, api.address(), &variables)
    }
}

fn round(timeline: &Timeline, executed: Instant, memory: Memory, s3_requests: BTreeMap<String, f64>) -> Round {
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
