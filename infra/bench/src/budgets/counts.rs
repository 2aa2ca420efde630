//! Counts: instructions, bytes, S3 requests. Whoever changes the code so that one of them grows says so by recording it
//! (`tests/packages --record`).

use super::budget::{Budget, Row, excesses};
use crate::figures::{CountFigures, Kind};

/// How many times what it was a number of instructions may be. One process takes up to 0.04 % more than another to its first
/// poll and up to 0.5 % more for an invoke, however busy the machine is; another release of the compiler or of Debian's C
/// library may move them further.
const INSTRUCTIONS: f64 = 1.03;

const BUDGETS: &[Budget<CountFigures>] = &[
    Budget {
        what: "instructions from exec to the first poll",
        unit: "thousand",
        slack: 1.0,
        growth: INSTRUCTIONS,
        limit: |_| Some(f64::INFINITY),
        figure: |row, _| row.instructions_to_first_poll as f64 / 1e3,
    },
    Budget {
        what: "instructions of a warm invoke",
        unit: "thousand",
        slack: 1.0,
        growth: INSTRUCTIONS,
        limit: |_| Some(f64::INFINITY),
        figure: |row, _| row.instructions_per_invoke as f64 / 1e3,
    },
    Budget {
        what: "resident memory",
        unit: "MiB",
        slack: 1.1,
        growth: 1.2,
        limit: |row| (row.is_function() && row.body_bytes == 0).then_some(16.0),
        figure: |row, _| row.resident_kib as f64 / 1_024.0,
    },
    Budget {
        what: "peak memory with a large body",
        unit: "MiB",
        slack: 1.0,
        growth: 1.2,
        limit: |row| (row.body_bytes > 0).then_some(48.0),
        figure: |row, _| row.peak_kib as f64 / 1_024.0,
    },
    Budget {
        what: "package",
        unit: "MB",
        slack: 1.0,
        growth: 1.05,
        limit: |row| row.is_function().then_some(6.0),
        figure: |row, _| row.package_bytes as f64 / 1e6,
    },
    Budget {
        what: "S3 requests of an invoke",
        unit: "",
        slack: 1.0,
        // Each has its price. What is asked once a process is a fraction.
        growth: 1.001,
        limit: |_| Some(f64::INFINITY),
        figure: |row, _| row.s3_requests(),
    },
];

impl Row for CountFigures {
    fn name(&self) -> String {
        self.name()
    }
}

impl CountFigures {
    fn is_function(&self) -> bool {
        matches!(self.kind, Kind::Signing | Kind::Storage)
    }
}

/// All that is over its limit, and all that nobody has recorded yet.
pub fn over(rows: &[CountFigures], earlier: &[CountFigures]) -> Vec<String> {
    let unknown = |row: &&CountFigures| !earlier.iter().any(|before| before.name() == row.name());
    let unknown = rows.iter().filter(unknown).map(|row| {
        format!("{}: there is nothing to compare it with; record its counts (tests/packages --record)", row.name())
    });
    let mut over = excesses(BUDGETS, rows, earlier);
    over.extend(unknown);
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: Kind) -> CountFigures {
        CountFigures {
            function: format!("{kind:?}"),
            operation: String::new(),
            kind,
            arithmetic: true,
            body_bytes: 0,
            package_bytes: 1_400_000,
            instructions_to_first_poll: 1_000_000,
            instructions_per_invoke: 100_000,
            resident_kib: 4_096,
            peak_kib: 4_096,
            s3_requests: [("HeadObject".to_owned(), 1.005)].into(),
        }
    }

    fn changed(change: impl Fn(&mut CountFigures)) -> Vec<CountFigures> {
        let mut row = row(Kind::Storage);
        change(&mut row);
        vec![self::row(Kind::Bare), row]
    }

    #[test]
    fn a_count_may_reach_its_limit_and_not_pass_it() {
        type Change = fn(&mut CountFigures);
        let cases: [(&str, Change, Change, usize); 10] = [
            ("the same", |_| (), |_| (), 0),
            ("grown a bit", |row| row.instructions_to_first_poll = 1_029_000, |_| (), 0),
            ("grown", |row| row.instructions_to_first_poll = 1_031_000, |_| (), 1),
            ("an invoke", |row| row.instructions_per_invoke = 102_900, |_| (), 0),
            ("grown invoke", |row| row.instructions_per_invoke = 103_100, |_| (), 1),
            ("package", |row| row.package_bytes = 6_000_001, |row| row.package_bytes = 6_000_001, 1),
            ("memory", |row| row.resident_kib = 18_100, |row| row.resident_kib = 18_100, 1),
            ("one request in 200 invokes", |row| *row.s3_requests.get_mut("HeadObject").unwrap() = 1.01, |_| (), 1),
            ("fewer", |row| row.s3_requests.clear(), |_| (), 0),
            ("less", |row| row.instructions_per_invoke = 1, |_| (), 0),
        ];
        for (name, now, before, expected) in cases {
            let over = over(&changed(now), &changed(before));
            assert_eq!(over.len(), expected, "{name}: {over:?}");
        }
    }

    #[test]
    fn what_nobody_has_recorded_is_said() {
        assert_eq!(over(&changed(|_| ()), &[row(Kind::Bare)]).len(), 1);
    }

    #[test]
    fn a_large_body_takes_48_mebibytes_at_most() {
        let rows = |mebibytes: u64| {
            let mut row = row(Kind::Storage);
            (row.body_bytes, row.peak_kib) = (4_194_304, mebibytes * 1_024);
            [self::row(Kind::Bare), row]
        };
        for (mebibytes, before, expected) in [(48, 48, 0), (49, 49, 1), (12, 10, 0), (13, 10, 1)] {
            assert_eq!(over(&rows(mebibytes), &rows(before)).len(), expected, "{mebibytes} {before}");
        }
    }
}
