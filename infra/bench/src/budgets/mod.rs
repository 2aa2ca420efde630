//! The budgets, and the check that nothing has outgrown them. Counts are the same on a busy machine, so that a test run
//! judges by them; ratios of times are for those who measure by hand.

mod budget;
mod counts;
pub mod peers;
pub mod stack;
mod times;
mod verdict;

use crate::{error::BenchError, figures::Figures};
pub use verdict::Verdict;
use verdict::missed;

/// Compares with the budgets, and with an earlier run.
///
/// # Errors
/// All that is over its limit, or cannot be told.
pub fn check(figures: &Figures, earlier: &Figures) -> Result<(), BenchError> {
    let mut over = Vec::new();
    let Figures { functions, peers, stack, counts, .. } = figures;
    if functions.is_empty() && peers.is_empty() && counts.is_empty() && stack.is_none() {
        over.push("nothing was measured that has a budget".to_owned());
    }
    if !functions.is_empty() {
        over.extend(times::over(functions, &earlier.functions));
    }
    if !counts.is_empty() {
        over.extend(counts::over(counts, &earlier.counts));
    }
    over.extend(missed(peers::verdicts(peers)));
    over.extend(stack.iter().flat_map(|figures| missed(stack::verdicts(figures))));
    if over.is_empty() { Ok(()) } else { Err(BenchError::OverLimits(over)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_was_measured_nothing_can_be_said() {
        assert!(check(&Figures::default(), &Figures::default()).is_err());
    }
}
