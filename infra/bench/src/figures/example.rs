//! Figures that nobody has measured, for tests.

use super::function::{FunctionFigures, Kind, Round};

/// A round in which nothing took any time.
pub fn round() -> Round {
    Round {
        first_poll_us: 1.0,
        first_response_us: 1.0,
        warm_p50_us: 1.0,
        warm_p99_us: 1.0,
        resident_kib: 4_096,
        peak_kib: 4_096,
        s3_requests: [].into(),
    }
}

/// A row without rounds.
pub fn function(kind: Kind) -> FunctionFigures {
    FunctionFigures {
        function: format!("{kind:?}"),
        operation: String::new(),
        kind,
        arithmetic: true,
        binary_bytes: 0,
        package_bytes: 0,
        body_bytes: 0,
        rounds: Vec::new(),
    }
}
