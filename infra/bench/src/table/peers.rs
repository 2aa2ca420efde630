//! The table of the redirect in other languages, and what became of its budget.

use super::cells::{package, verdicts};
use crate::{
    budgets::peers::{self, ahead},
    figures::{FunctionFigures, Kind},
    units::{duration, mebibytes},
};

const HEAD: &str = "
| a redirect to S3 | exec to first poll | exec to first response | warm p50 | resident | package |
|---|---:|---:|---:|---:|---:|
";

/// All of it; nothing where nothing was measured.
pub fn of(rows: &[FunctionFigures]) -> String {
    let Some(own) = rows.iter().find(|row| row.kind != Kind::Peer) else { return String::new() };
    let table = rows.iter().map(|peer| row(own, peer)).collect::<String>();
    format!("{HEAD}{table}{}", verdicts(&peers::verdicts(rows)))
}

fn row(own: &FunctionFigures, row: &FunctionFigures) -> String {
    let first_response = duration(row.median(|round| round.first_response_us));
    let cells = [
        row.name(),
        duration(row.median(|round| round.first_poll_us)),
        match row.kind {
            Kind::Peer => format!("{first_response} ({:.1} ×)", ahead(own, row)),
            _ => first_response,
        },
        duration(row.median(|round| round.warm_p50_us)),
        mebibytes(row.median(|round| round.resident_kib as f64)),
        package(row.package_bytes),
    ];
    format!("| {} |\n", cells.join(" | "))
}
