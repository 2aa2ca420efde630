//! `satchel`: the program as a command.

use std::process::ExitCode;

use clap::Parser;
use satchel::cli::{Arguments, run};

fn main() -> ExitCode {
    run(Arguments::parse())
}
