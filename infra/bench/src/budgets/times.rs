//! Times, as ratios to the bare function's in the same round. A busy machine moves them, and no test run depends on them.

use super::{Budget, Row};
use crate::figures::{FunctionFigures, Kind, bare};

const BUDGETS: &[Budget<FunctionFigures>] = &[
    Budget {
        what: "exec to first poll",
        unit: "x bare",
        slack: 1.2,
        growth: 1.35,
        limit: |row| match row.kind {
            Kind::Signing => Some(1.3),
            Kind::Storage => Some(2.0),
            Kind::Harness | Kind::Bare => None,
        },
        figure: |row, rows| ratio(row, rows, |round| round.first_poll_us),
    },
    Budget {
        what: "warm invoke",
        unit: "x bare",
        slack: 1.2,
        growth: 1.35,
        limit: |row| (row.arithmetic && matches!(row.kind, Kind::Signing | Kind::Storage)).then_some(1.25),
        figure: |row, rows| ratio(row, rows, |round| round.warm_p50_us),
    },
];

impl Row for FunctionFigures {
    fn name(&self) -> String {
        self.name()
    }
}

fn ratio(row: &FunctionFigures, rows: &[FunctionFigures], figure: fn(&crate::figures::Round) -> f64) -> f64 {
    bare(rows).map_or(f64::INFINITY, |bare| row.ratio(bare, figure))
}

/// All that is over its limit.
pub fn over(rows: &[FunctionFigures], earlier: &[FunctionFigures]) -> Vec<String> {
    if bare(rows).is_none() {
        return vec!["the bare function was not measured".into()];
    }
    super::excesses(BUDGETS, rows, earlier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Round;

    fn row(kind: Kind, first_poll_us: f64) -> FunctionFigures {
        let round = Round {
            first_poll_us,
            first_response_us: 1.0,
            warm_p50_us: 1.0,
            warm_p99_us: 1.0,
            resident_kib: 4_096,
            peak_kib: 4_096,
            s3_requests: [].into(),
        };
        FunctionFigures {
            function: format!("{kind:?}"),
            operation: String::new(),
            kind,
            arithmetic: true,
            binary_bytes: 0,
            package_bytes: 0,
            body_bytes: 0,
            rounds: vec![round],
        }
    }

    #[test]
    fn a_ratio_may_reach_its_limit_and_not_pass_it() {
        for (first_poll, before, expected) in [
            (1_900.0, 1_900.0, 0),
            (2_399.0, 1_900.0, 0),
            (2_401.0, 1_900.0, 1),
            (1_340.0, 1_000.0, 0),
            (1_360.0, 1_000.0, 1),
        ] {
            let rows = |first_poll| [row(Kind::Bare, 1_000.0), row(Kind::Storage, first_poll)];
            assert_eq!(over(&rows(first_poll), &rows(before)).len(), expected, "{first_poll} {before}");
        }
    }

    #[test]
    fn without_the_bare_function_nothing_can_be_said() {
        assert_eq!(over(&[row(Kind::Storage, 1.0)], &[]).len(), 1);
    }
}
