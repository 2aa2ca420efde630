//! `satchel-bench`: measures the release binaries, next to a bare function.

mod binaries;
mod budgets;
mod chart;
mod cli;
mod error;
mod figures;
mod functions;
mod memory;
mod programs;
mod stack;
mod statistics;
mod table;
mod tokens;
mod units;

fn main() -> std::process::ExitCode {
    cli::run()
}
