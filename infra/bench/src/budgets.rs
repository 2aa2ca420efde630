//! The budgets, and the check that nothing has outgrown them: ratios to the bare function, sizes and numbers of
//! requests, never times, which are the machine's.

use crate::{
    error::BenchError,
    figures::{Figures, FunctionFigures, Kind, Round},
};

/// One thing that is limited.
struct Budget {
    what: &'static str,
    unit: &'static str,
    /// How much a busy machine may add.
    slack: f64,
    /// Against an earlier run: more, as both of them have their noise.
    growth: f64,
    limit: fn(&FunctionFigures) -> Option<f64>,
    figure: fn(&FunctionFigures, &Limit<'_>) -> f64,
}

/// What a row is measured against, of the same run.
struct Limit<'a> {
    bare: &'a FunctionFigures,
    /// What the row's function has had at its peak without a large body, in kibibytes.
    without_body_kib: Option<f64>,
}

impl<'a> Limit<'a> {
    fn of(row: &FunctionFigures, figures: &'a Figures) -> Option<Self> {
        let same = figures.functions.iter().filter(|other| other.function == row.function && other.body_bytes == 0);
        let without_body_kib = same.map(|other| other.median(peak)).reduce(f64::max);
        Some(Self { bare: figures.bare()?, without_body_kib })
    }
}

const BUDGETS: &[Budget] = &[
    Budget {
        what: "exec to first poll",
        unit: "x bare",
        slack: 1.2,
        growth: 1.35,
        limit: |row| by_kind(row, 1.3, 2.0),
        figure: |row, limit| row.ratio(limit.bare, |round| round.first_poll_us),
    },
    Budget {
        what: "warm invoke",
        unit: "x bare",
        slack: 1.2,
        growth: 1.35,
        limit: |row| row.arithmetic.then_some(1.25).filter(|_| by_kind(row, 0.0, 0.0).is_some()),
        figure: |row, limit| row.ratio(limit.bare, |round| round.warm_p50_us),
    },
    Budget {
        what: "resident memory, functions that sign",
        unit: "x bare",
        slack: 1.1,
        growth: 1.2,
        limit: |row| (row.kind == Kind::Signing).then_some(2.0),
        figure: |row, limit| row.ratio(limit.bare, resident),
    },
    Budget {
        what: "resident memory",
        unit: "MiB",
        slack: 1.1,
        growth: 1.2,
        limit: |row| (row.kind == Kind::Storage).then_some(12.0),
        figure: |row, _| row.median(resident) / 1_024.0,
    },
    Budget {
        what: "peak memory, above what the function has without a body",
        unit: "x the body",
        slack: 1.1,
        growth: 1.35,
        limit: |row| (row.body_bytes > 0).then_some(2.5),
        figure: |row, limit| {
            let above = limit.without_body_kib.map_or(f64::INFINITY, |without| row.median(peak) - without);
            above * 1_024.0 / row.body_bytes as f64
        },
    },
    Budget {
        what: "package",
        unit: "MB",
        slack: 1.0,
        growth: 1.05,
        limit: |row| by_kind(row, 1.5, 4.0),
        figure: |row, _| row.package_bytes as f64 / 1e6,
    },
];

fn by_kind(row: &FunctionFigures, signing: f64, storage: f64) -> Option<f64> {
    match row.kind {
        Kind::Signing => Some(signing),
        Kind::Storage => Some(storage),
        Kind::Harness | Kind::Bare => None,
    }
}

fn resident(round: &Round) -> f64 {
    round.resident_kib as f64
}

fn peak(round: &Round) -> f64 {
    round.peak_kib as f64
}

/// Compares with the budgets, and with an earlier run as far as it has the same rows.
///
/// # Errors
/// All that is over its limit.
pub fn check(figures: &Figures, earlier: &Figures) -> Result<(), BenchError> {
    if figures.bare().is_none() {
        return Err(BenchError::OverLimits(vec!["the bare function was not measured".into()]));
    }
    let mut over = Vec::new();
    for row in &figures.functions {
        let Some(limit) = Limit::of(row, figures) else { continue };
        let before = earlier.functions.iter().find(|before| before.name() == row.name());
        let before = before.and_then(|before| Some((before, Limit::of(before, earlier)?)));
        over.extend(BUDGETS.iter().filter_map(|budget| budget.excess(row, &limit, before.as_ref())));
        over.extend(before.and_then(|(before, _)| more_requests(row, before)));
    }
    if over.is_empty() { Ok(()) } else { Err(BenchError::OverLimits(over)) }
}

impl Budget {
    fn excess(
        &self,
        row: &FunctionFigures,
        limit: &Limit<'_>,
        before: Option<&(&FunctionFigures, Limit<'_>)>,
    ) -> Option<String> {
        let budget = (self.limit)(row)?;
        let figure = (self.figure)(row, limit);
        let (name, what, unit) = (row.name(), self.what, self.unit);
        if figure > budget * self.slack {
            return Some(format!(
                "{name}: {what} is {figure:.2} {unit}; the budget is {budget} and a slack of {}",
                self.slack
            ));
        }
        let (before, limit_before) = before?;
        let was = (self.figure)(before, limit_before);
        (figure > was * self.growth).then(|| format!("{name}: {what} is {figure:.2} {unit} and was {was:.2}"))
    }
}

/// Requests are counted, not measured: each has its price.
fn more_requests(row: &FunctionFigures, before: &FunctionFigures) -> Option<String> {
    let (now, was) = (row.s3_requests(), before.s3_requests());
    // A request that is made once a process weighs more in a shorter run.
    (now > was + 0.5).then(|| format!("{}: {now:.2} S3 requests per invoke, and there were {was:.2}", row.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: Kind, first_poll_us: f64, package_bytes: u64, requests: f64) -> FunctionFigures {
        let round = Round {
            first_poll_us,
            first_response_us: 1.0,
            warm_p50_us: 1.0,
            warm_p99_us: 1.0,
            resident_kib: 4_096,
            peak_kib: 4_096,
            s3_requests: [("HeadObject".to_owned(), requests)].into(),
        };
        let function = format!("{kind:?}");
        let operation = String::new();
        let rounds = vec![round];
        FunctionFigures {
            function,
            operation,
            kind,
            arithmetic: true,
            binary_bytes: 0,
            package_bytes,
            body_bytes: 0,
            rounds,
        }
    }

    fn over(row: FunctionFigures, before: FunctionFigures) -> usize {
        let figures =
            |row| Figures { functions: vec![self::row(Kind::Bare, 1_000.0, 1, 0.0), row], ..Figures::default() };
        match check(&figures(row), &figures(before)) {
            Err(BenchError::OverLimits(lines)) => lines.len(),
            _ => 0,
        }
    }

    #[test]
    fn a_figure_may_reach_its_limit_and_not_pass_it() {
        let before = || row(Kind::Storage, 1_900.0, 3_990_000, 1.0);
        for (first_poll, package, requests, expected) in [
            (1_900.0, 3_990_000, 1.0, 0),
            (2_399.0, 4_000_000, 1.4, 0),
            (2_401.0, 4_000_000, 1.0, 1),
            (1_900.0, 4_000_001, 1.0, 1),
            (1_900.0, 3_990_000, 2.0, 1),
            (2_401.0, 4_000_001, 2.0, 3),
        ] {
            let row = row(Kind::Storage, first_poll, package, requests);
            assert_eq!(over(row, before()), expected, "{first_poll} {package} {requests}");
        }
    }

    #[test]
    fn growth_within_the_budget_is_noticed_too() {
        let before = || row(Kind::Signing, 1_000.0, 1_000_000, 0.0);
        assert_eq!(over(row(Kind::Signing, 1_340.0, 1_049_000, 0.0), before()), 0);
        assert_eq!(over(row(Kind::Signing, 1_360.0, 1_051_000, 0.0), before()), 2);
    }

    #[test]
    fn a_large_body_may_be_in_memory_two_and_a_half_times() {
        let large = |peak_kib: u64| {
            let mut row = row(Kind::Storage, 1_000.0, 1, 1.0);
            (row.operation, row.body_bytes, row.rounds[0].peak_kib) = ("large".into(), 4_194_304, peak_kib);
            Figures {
                functions: vec![self::row(Kind::Bare, 1_000.0, 1, 0.0), self::row(Kind::Storage, 1_000.0, 1, 1.0), row],
                ..Figures::default()
            }
        };
        // The small one has 4 MiB.
        let alone = |figures: Figures| {
            let functions = figures.functions.into_iter().filter(|row| row.kind == Kind::Bare || row.body_bytes > 0);
            Figures { functions: functions.collect(), ..Figures::default() }
        };
        assert!(check(&alone(large(5_000)), &Figures::default()).is_err(), "above what?");
        for (mebibytes, before, expected) in
            [(14, 14, true), (15, 15, true), (16, 16, false), (10, 8, false), (9, 8, true)]
        {
            assert_eq!(
                check(&large(mebibytes * 1_024), &large(before * 1_024)).is_ok(),
                expected,
                "{mebibytes} {before}"
            );
        }
    }

    #[test]
    fn without_the_bare_function_nothing_can_be_said() {
        assert!(check(&Figures::default(), &Figures::default()).is_err());
    }
}
