//! Times, as ratios to the bare function's in the same round. A busy machine moves them, and no test run depends on them.

use super::budget::{Budget, Row, excesses};
use crate::figures::{FunctionFigures, Kind, bare};

/// How many times as long as a warm invoke of the bare function release 0.1 took to store 4 MiB: 24.43 ms where it was recorded.
const LARGE_BODY: f64 = 290.15;

const BUDGETS: &[Budget<FunctionFigures>] = &[
    Budget {
        what: "exec to first poll",
        unit: "x bare",
        slack: 1.0,
        growth: 1.35,
        limit: |row| match row.kind {
            Kind::Signing | Kind::Storage => Some(1.8),
            Kind::Referenced => Some(2.0),
            Kind::Harness | Kind::Bare | Kind::Peer => None,
        },
        figure: |row, rows| ratio(row, rows, |round| round.first_poll_us),
    },
    Budget {
        what: "warm invoke",
        unit: "x bare",
        slack: 1.2,
        growth: 1.35,
        // Slots have the next one.
        limit: |row| (row.arithmetic && matches!(row.kind, Kind::Signing | Kind::Storage)).then_some(f64::INFINITY),
        figure: |row, rows| ratio(row, rows, |round| round.warm_p50_us),
    },
    Budget {
        what: "warm slot",
        unit: "µs above bare",
        slack: 1.0,
        // The one before looks at it.
        growth: f64::INFINITY,
        limit: |row| (row.kind == Kind::Signing && row.arithmetic).then_some(200.0),
        figure: |row, rows| bare(rows).map_or(f64::INFINITY, |bare| row.above(bare, |round| round.warm_p50_us)),
    },
    Budget {
        what: "a large body, stored",
        unit: "x release 0.1",
        slack: 1.0,
        growth: 1.35,
        limit: |row| (row.body_bytes > 0).then_some(2.0),
        figure: |row, rows| ratio(row, rows, |round| round.warm_p50_us) / LARGE_BODY,
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
    excesses(BUDGETS, rows, earlier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Round, example};

    fn row(kind: Kind, first_poll_us: f64) -> FunctionFigures {
        let round = Round { first_poll_us, ..example::round() };
        FunctionFigures { rounds: vec![round], ..example::function(kind) }
    }

    fn with_warm(mut row: FunctionFigures, warm: f64) -> FunctionFigures {
        row.rounds.iter_mut().for_each(|round| round.warm_p50_us = warm);
        row
    }

    #[test]
    fn a_ratio_may_reach_its_limit_and_not_pass_it() {
        for (kind, first_poll, before, expected) in [
            (Kind::Storage, 1_800.0, 1_800.0, 0),
            (Kind::Storage, 1_801.0, 1_800.0, 1),
            (Kind::Signing, 1_801.0, 1_800.0, 1),
            (Kind::Referenced, 2_000.0, 2_000.0, 0),
            (Kind::Referenced, 2_001.0, 2_000.0, 1),
            (Kind::Storage, 1_340.0, 1_000.0, 0),
            (Kind::Storage, 1_360.0, 1_000.0, 1),
        ] {
            let rows = |first_poll| [row(Kind::Bare, 1_000.0), row(kind, first_poll)];
            assert_eq!(over(&rows(first_poll), &rows(before)).len(), expected, "{kind:?} {first_poll} {before}");
        }
    }

    #[test]
    fn a_slot_takes_200_microseconds_more_than_nothing() {
        for (kind, warm, expected) in [(Kind::Signing, 250.0, 0), (Kind::Signing, 251.0, 1), (Kind::Storage, 251.0, 0)]
        {
            let rows = [with_warm(row(Kind::Bare, 1.0), 50.0), with_warm(row(kind, 1.0), warm)];
            assert_eq!(over(&rows, &rows).len(), expected, "{kind:?} {warm}");
        }
    }

    #[test]
    fn four_mebibytes_take_twice_as_long_as_in_release_0_1_at_most() {
        for (warm, expected) in [(580.0, 0), (581.0, 1)] {
            let mut large = with_warm(row(Kind::Storage, 1.0), warm);
            (large.arithmetic, large.body_bytes) = (false, 4_194_304);
            let rows = [row(Kind::Bare, 1.0), large];
            assert_eq!(over(&rows, &rows).len(), expected, "{warm}");
        }
    }

    #[test]
    fn without_the_bare_function_nothing_can_be_said() {
        assert_eq!(over(&[row(Kind::Storage, 1.0)], &[]).len(), 1);
    }
}
