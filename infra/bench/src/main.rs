//! `satchel-bench`: measures the release binaries, next to a bare function and to other servers.
//!
//! What it knows: programs as they are started, HTTP, Lambda's runtime API. It links neither functions nor the program, as
//! what it measures is what is deployed. What it must not know: how they do it.
//!
//! Where to begin: `cli.rs` says what can be measured. `functions/` plays Lambda and S3 around one function, `stack/` loads
//! the program and its peers. Both make `figures.rs`, which `budgets/` judges and `table.rs` and `chart.rs` show.

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
