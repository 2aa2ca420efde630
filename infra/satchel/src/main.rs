//! `satchel`: the program as a command.

use std::process::ExitCode;

use clap::Parser;
use satchel::{arguments::Arguments, cli::run};

fn main() -> ExitCode {
    run(Arguments::parse())
}
