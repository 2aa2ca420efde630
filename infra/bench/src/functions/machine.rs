//! What runs beside a process while it is measured, and one run of it.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::mpsc::Receiver,
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

use super::{
    callgrind::Callgrind,
    neighbours::Neighbours,
    process::Process,
    runtime_api::{Outcome, RuntimeApi, Script, Timeline},
    s3::S3,
    subjects::Subject,
};
use crate::{binaries::Binary, error::BenchError, memory::Memory};

/// What the preparations have left to do in the background is done by then.
const QUIET: Duration = Duration::from_millis(20);

/// What runs next to all processes.
pub struct Machine<'a> {
    api: RuntimeApi,
    neighbours: Neighbours,
    runtime: &'a Runtime,
}

impl<'a> Machine<'a> {
    /// Starts it.
    pub fn start(runtime: &'a Runtime) -> Result<Self, BenchError> {
        Ok(Self { api: RuntimeApi::start()?, neighbours: Neighbours::start()?, runtime })
    }
}

/// What a process did that has answered all invokes.
pub struct Played {
    /// When it did what.
    pub timeline: Timeline,
    /// When it was started.
    pub executed: Instant,
    /// What it then had.
    pub memory: Memory,
    /// S3 requests per invoke, by operation.
    pub s3_requests: BTreeMap<String, f64>,
}

/// Has a process answer so many invokes.
pub fn play(subject: &Subject, binary: &Binary, invokes: usize, machine: &Machine<'_>) -> Result<Played, BenchError> {
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
pub fn under_callgrind(
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

/// Requests per invoke.
fn since(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>, invokes: usize) -> BTreeMap<String, f64> {
    let grown = after.iter().map(|(name, count)| (name, count - before.get(name).copied().unwrap_or_default()));
    grown.filter(|(_, count)| *count > 0).map(|(name, count)| (name.clone(), count as f64 / invokes as f64)).collect()
}
