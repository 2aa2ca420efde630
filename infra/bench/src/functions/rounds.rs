//! Rounds: each measures everything once, and nobody always comes after the same other.

use std::{
    collections::BTreeMap,
    env,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

use super::{
    floor::FLOOR,
    machine::{Machine, Played, play},
    runtime_api::Timeline,
    subjects::Subject,
};
use crate::{
    binaries::{Binaries, Binary},
    error::BenchError,
    figures::{FunctionFigures, Kind, Round},
    memory::Memory,
    statistics::{median, percentile},
};

/// By how much large bodies are invoked less often.
const FEWER: usize = 50;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds that count; one more goes before them, so that all binaries are in the page cache.
    pub rounds: usize,
    /// Warm invokes of each process.
    pub invokes: usize,
}

/// A row for each of those who are measured, all of them once in each round.
pub fn in_rounds(
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
pub fn program(subject: &Subject, binaries: &Binaries) -> Result<Binary, BenchError> {
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

fn one(subject: &Subject, binary: &Binary, warm: usize, machine: &Machine<'_>) -> Result<Round, BenchError> {
    let Played { timeline, executed, memory, s3_requests } = play(subject, binary, warm + 1, machine)?;
    Ok(round(&timeline, executed, memory, s3_requests))
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
