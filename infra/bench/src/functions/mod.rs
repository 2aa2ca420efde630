//! Functions one by one on a runtime API, all of them in each round, so that whatever else the machine does meets all
//! of them alike.

mod callgrind;
pub mod counts;
mod events;
pub mod floor;
mod http1;
mod machine;
mod neighbours;
pub mod peers;
mod process;
mod rounds;
mod runtime_api;
mod s3;
mod subjects;

use tokio::runtime::Runtime;

use crate::{binaries::Binaries, error::BenchError, figures::FunctionFigures};
pub use rounds::Plan;
use rounds::{in_rounds, program};
use subjects::SUBJECTS;

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
