//! `satchel`: the embedded stack as a command.

use std::process::ExitCode;

use clap::Parser;
use satchel_local::cli::{Arguments, run};

fn main() -> ExitCode {
    run(Arguments::parse())
}
