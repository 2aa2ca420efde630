//! The command line.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, ValueEnum, value_parser};
use tokio::runtime::Runtime;

use crate::{
    binaries::Binaries,
    budgets, chart,
    error::BenchError,
    figures::{Conditions, Figures},
    functions::{self, Plan},
    stack::{self, StackPlan},
    table,
};

/// Measures Satchel's release binaries: every function on a Lambda runtime API of its own, next to a bare
/// `lambda_http` function, and the stack over HTTP beside its peers.
#[derive(Debug, Parser)]
#[command(name = "satchel-bench", version)]
struct Arguments {
    /// What is measured
    #[arg(value_enum, default_values = ["functions", "peers", "stack", "counts"])]
    what: Vec<What>,
    /// Rounds; each measures everything once
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Warm invokes of each process (fewer with large bodies)
    #[arg(long, default_value_t = 1_500)]
    invokes: usize,
    /// Seconds for each load of the stack that is made for a time
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u64).range(1..))]
    seconds: u64,
    /// Where the stack and its peers keep their files: on a disk, with room for some 25 GB
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench"))]
    folder: PathBuf,
    /// Take the binaries from a folder instead of building them
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Write the figures for machines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the chart
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Put what was measured, chart and tables where this repository keeps them: infra/bench and README.md
    #[arg(long)]
    record: bool,
    /// Compare with the budgets, and with figures of an earlier run; exit with 1 where they are over
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Show and write the figures of an earlier run instead of measuring
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    #[arg(long, hide = true)]
    floor: bool,
    #[arg(long, hide = true, value_name = "DIR")]
    durable: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The functions, one by one: times
    Functions,
    /// The redirect of `download` beside Node.js and Python with AWS's SDKs: times
    Peers,
    /// The stack over HTTP, beside nginx, Prosody and a bare server: times
    Stack,
    /// What a busy machine does not change: instructions (under valgrind), memory, S3 requests, packages
    Counts,
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.durable {
        Some(folder) => stack::durable::serve(folder).map_err(BenchError::from),
        None if arguments.floor => functions::floor::serve().map_err(BenchError::from),
        None => bench(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("satchel-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<(), BenchError> {
    // Before anything is measured: a file that is not there should not cost minutes.
    let earlier = arguments.check.as_deref().map(Figures::read).transpose()?;
    let figures = match &arguments.from {
        Some(file) => Figures::read(file)?,
        None => measure(arguments)?,
    };
    println!("{}", table::of(&figures));
    if let Some(file) = &arguments.json {
        figures.write(file)?;
    }
    if let Some(file) = &arguments.svg {
        chart::draw(&figures, file)?;
    }
    if arguments.record {
        record(&figures)?;
    }
    earlier.map_or(Ok(()), |earlier| budgets::check(&figures, &earlier))
}

fn measure(arguments: &Arguments) -> Result<Figures, BenchError> {
    let wants = |what| arguments.what.contains(&what);
    let mut names = match () {
        () if wants(What::Functions) || wants(What::Counts) => functions::functions(),
        () if wants(What::Peers) => vec![functions::peers::FUNCTION],
        () => Vec::new(),
    };
    if wants(What::Stack) {
        names.push("satchel");
    }
    let binaries = match &arguments.bin_dir {
        Some(folder) => Binaries::in_folder(folder, &names)?,
        None => Binaries::build(&names)?,
    };
    let runtime = Runtime::new()?;
    let plan = Plan { rounds: arguments.rounds, invokes: arguments.invokes };
    let mut figures = Figures { conditions: conditions(plan), ..Figures::default() };
    if wants(What::Functions) {
        figures.functions = functions::measure(plan, &binaries, &runtime)?;
    }
    if wants(What::Peers) {
        figures.peers = functions::peers::measure(plan, &binaries, &runtime)?;
    }
    if wants(What::Stack) {
        let plan = StackPlan { rounds: arguments.rounds, seconds: arguments.seconds };
        figures.stack = Some(stack::measure(&binaries.get("satchel")?, plan, &arguments.folder)?);
    }
    if wants(What::Counts) {
        figures.counts = functions::counts::count(&binaries, &runtime)?;
    }
    Ok(figures)
}

/// Puts figures where this repository keeps them; what was not measured stays.
fn record(figures: &Figures) -> Result<(), BenchError> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = here.join("figures.json");
    let recorded = figures.clone().or(Figures::read(&file)?);
    recorded.write(&file)?;
    chart::draw(&recorded, &here.join("figures.svg"))?;
    table::put_into(&here.join("../../README.md"), &recorded)
}

fn conditions(plan: Plan) -> Conditions {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Conditions { processors, rounds: plan.rounds, invokes: plan.invokes }
}
