//! Cells and tables that several tables have.

use crate::budgets::Verdict;

/// The size of a package; empty where there is none.
pub fn package(bytes: u64) -> String {
    if bytes == 0 { String::new() } else { format!("{:.2} MB", bytes as f64 / 1e6) }
}

/// What became of budgets.
pub fn verdicts(verdicts: &[Verdict]) -> String {
    let mut text = String::from("\n| budget | |\n|---|---|\n");
    for Verdict { text: budget, met } in verdicts {
        let met = match met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "not measured",
        };
        text += &format!("| {budget} | {met} |\n");
    }
    text
}

/// S3 requests of an invoke.
pub fn requests(requests: f64) -> String {
    // Once a process, not once an invoke: shown as what it is.
    if (requests - requests.round()).abs() < 0.005 { format!("{requests:.0}") } else { format!("{requests:.2}") }
}
