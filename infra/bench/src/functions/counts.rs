//! What does not depend on how busy the machine is: instructions, memory, S3 requests. A test run may judge by these.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::runtime::Runtime;

use super::{
    callgrind,
    machine::{Machine, play, under_callgrind},
    rounds::program,
    subjects::{SUBJECTS, Subject},
};
use crate::{
    binaries::{Binaries, Binary},
    error::BenchError,
    figures::{CountFigures, Kind},
    programs,
    statistics::median,
};

/// Invokes before those that are counted: connections are made, tables have grown.
const WARM_UP: usize = 20;
/// Invokes that are counted.
const COUNTED: usize = 40;
/// The same with large bodies.
const LARGE: (usize, usize) = (3, 4);
/// Processes of which a median is taken. Hash tables have random seeds, and answers come in more pieces or fewer.
const PROCESSES: usize = 3;
/// Invokes before memory is looked at.
const INVOKES: usize = 200;

/// Counts for all subjects, on all processors: nothing is timed.
///
/// # Errors
/// Valgrind is missing, or a function does not answer as it should.
pub fn count(binaries: &Binaries, runtime: &Runtime) -> Result<Vec<CountFigures>, BenchError> {
    programs::need(callgrind::PROGRAM)?;
    // Where secrets are kept changes times.
    let counted = |subject: &&Subject| !matches!(subject.kind, Kind::Harness | Kind::Referenced);
    let subjects: Vec<&Subject> = SUBJECTS.iter().filter(counted).collect();
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        let work = || -> Result<(), BenchError> {
            let machine = Machine::start(runtime)?;
            let take = || subjects.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed));
            while let Some((number, subject)) = take() {
                let row = row(subject, &program(subject, binaries)?, &machine)?;
                rows.lock().unwrap_or_else(PoisonError::into_inner).push((number, row));
            }
            Ok(())
        };
        let workers: Vec<_> = (0..processors()).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Err(BenchError::Worker)))
    })?;
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|(number, _)| *number);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn row(subject: &Subject, binary: &Binary, machine: &Machine<'_>) -> Result<CountFigures, BenchError> {
    let large = subject.body.is_some();
    let (warm_up, counted) = if large { LARGE } else { (WARM_UP, COUNTED) };
    let instructions = |invokes| under_callgrind(subject, binary, invokes, machine);
    let started = Counted::of(|| instructions(0))?;
    let per_invoke = Counted::of(|| {
        let (before, after) = (instructions(warm_up)?, instructions(warm_up + counted)?);
        Ok(after.saturating_sub(before) / counted as u64)
    })?;
    eprintln!("{}, {}: to the first poll {started}, an invoke {per_invoke}", subject.function, subject.operation);
    let mut runs = Vec::new();
    for _ in 0..PROCESSES {
        runs.push(play(subject, binary, if large { warm_up + counted } else { INVOKES }, machine)?);
    }
    let memory = |figure: fn(&crate::memory::Memory) -> u64| {
        median(&runs.iter().map(|run| figure(&run.memory) as f64).collect::<Vec<_>>()) as u64
    };
    Ok(CountFigures {
        function: subject.function.into(),
        operation: subject.operation.into(),
        kind: subject.kind,
        arithmetic: subject.arithmetic,
        body_bytes: subject.body.unwrap_or_default() as u64,
        package_bytes: binary.package_bytes,
        instructions_to_first_poll: started.median,
        instructions_per_invoke: per_invoke.median,
        resident_kib: memory(|memory| memory.resident),
        peak_kib: memory(|memory| memory.peak),
        s3_requests: runs.swap_remove(0).s3_requests,
    })
}

/// The same of several processes.
struct Counted {
    median: u64,
    /// How far the least and the most are apart.
    spread: u64,
}

impl Counted {
    fn of(count: impl Fn() -> Result<u64, BenchError>) -> Result<Self, BenchError> {
        let mut counts = (0..PROCESSES).map(|_| count()).collect::<Result<Vec<_>, _>>()?;
        counts.sort_unstable();
        Ok(Self { median: counts[PROCESSES / 2], spread: counts[PROCESSES - 1] - counts[0] })
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = self.spread as f64 / self.median as f64 * 100.0;
        write!(f, "{} (apart by {share:.2} %)", self.median)
    }
}
