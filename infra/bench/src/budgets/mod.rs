//! The budgets, and the check that nothing has outgrown them. Counts are the same on a busy machine, so that a test run
//! judges by them; ratios of times are for those who measure by hand.

mod counts;
pub mod peers;
pub mod stack;
mod times;

use crate::{error::BenchError, figures::Figures};

/// One thing that is limited, in rows of one kind.
struct Budget<R: 'static> {
    what: &'static str,
    unit: &'static str,
    /// How much above its limit a figure may be.
    slack: f64,
    /// How many times what it was a figure may be.
    growth: f64,
    limit: fn(&R) -> Option<f64>,
    figure: fn(&R, &[R]) -> f64,
}

/// What became of a budget of something that is measured beside others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The budget and the figure, for people.
    pub text: String,
    /// Whether it is reached; `None` where it was not measured.
    pub met: Option<bool>,
}

/// All that is not reached.
fn missed(verdicts: Vec<Verdict>) -> Vec<String> {
    verdicts.into_iter().filter(|verdict| verdict.met == Some(false)).map(|verdict| verdict.text).collect()
}

/// A row of a table of figures.
trait Row {
    /// `upload, stored`.
    fn name(&self) -> String;
}

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

/// All of `rows` that is over a budget, or has grown since `earlier` as far as that has the same row.
fn excesses<R: Row>(budgets: &[Budget<R>], rows: &[R], earlier: &[R]) -> Vec<String> {
    let of = |row| {
        let before = earlier.iter().find(|before: &&R| before.name() == R::name(row));
        budgets
            .iter()
            .filter_map(move |budget| budget.excess(row, rows).or_else(|| budget.growth(row, rows, before?, earlier)))
    };
    rows.iter().flat_map(of).collect()
}

impl<R: Row> Budget<R> {
    fn excess(&self, row: &R, rows: &[R]) -> Option<String> {
        let (budget, figure) = ((self.limit)(row)?, (self.figure)(row, rows));
        let Self { what, unit, slack, .. } = self;
        let name = row.name();
        (figure > budget * slack)
            .then(|| format!("{name}: {what} is {figure:.2} {unit}; the budget is {budget} and a slack of {slack}"))
    }

    fn growth(&self, row: &R, rows: &[R], before: &R, earlier: &[R]) -> Option<String> {
        (self.limit)(row)?;
        let (figure, was) = ((self.figure)(row, rows), (self.figure)(before, earlier));
        let Self { what, unit, growth, .. } = self;
        (figure > was * growth).then(|| {
            format!(
                "{}: {what} is {figure:.2} {unit} and was {was:.2}, where {growth} times as much may be",
                row.name()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_was_measured_nothing_can_be_said() {
        assert!(check(&Figures::default(), &Figures::default()).is_err());
    }
}
