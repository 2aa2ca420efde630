//! The figures of functions: times of every round, and what can be counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::statistics::median;

/// What a subject is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// No function at all: what the harness itself takes.
    Harness,
    /// The bare function.
    Bare,
    /// Functions that sign and make no request.
    Signing,
    /// Functions that talk to S3.
    Storage,
    /// The same where their secrets are kept elsewhere.
    Referenced,
    /// The same in another language.
    Peer,
}

/// One operation of one function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionFigures {
    /// The function.
    pub function: String,
    /// What it was asked to do.
    pub operation: String,
    /// Which budget it has.
    pub kind: Kind,
    /// Whether an invoke needs no S3 request, so that it has a budget of its own.
    pub arithmetic: bool,
    /// The binary, in bytes.
    pub binary_bytes: u64,
    /// The same as Lambda gets it, deflated.
    pub package_bytes: u64,
    /// Bytes of body in each event, where they are many.
    pub body_bytes: u64,
    /// One for each round.
    pub rounds: Vec<Round>,
}

/// What one process did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Round {
    /// From exec to the first poll, in microseconds.
    pub first_poll_us: f64,
    /// From exec to the first response, in microseconds.
    pub first_response_us: f64,
    /// From an event's first byte to its response's last one, warm, in microseconds: the median.
    pub warm_p50_us: f64,
    /// The 99th percentile of the same.
    pub warm_p99_us: f64,
    /// Kibibytes in memory after the last invoke.
    pub resident_kib: u64,
    /// Kibibytes at most.
    pub peak_kib: u64,
    /// S3 requests per invoke, by operation.
    pub s3_requests: BTreeMap<String, f64>,
}

/// One operation of one function, counted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CountFigures {
    /// The function.
    pub function: String,
    /// What it was asked to do.
    pub operation: String,
    /// Which budget it has.
    pub kind: Kind,
    /// Whether an invoke needs no S3 request.
    pub arithmetic: bool,
    /// Bytes of body in each event, where they are many.
    pub body_bytes: u64,
    /// The package as Lambda gets it, deflated.
    pub package_bytes: u64,
    /// Instructions from exec to the first poll, the dynamic linker's included.
    pub instructions_to_first_poll: u64,
    /// Instructions of a warm invoke, from one poll to the next.
    pub instructions_per_invoke: u64,
    /// Kibibytes in memory after the last invoke.
    pub resident_kib: u64,
    /// Kibibytes at most.
    pub peak_kib: u64,
    /// S3 requests per invoke, by operation.
    pub s3_requests: BTreeMap<String, f64>,
}

/// The bare function's row.
pub fn bare(rows: &[FunctionFigures]) -> Option<&FunctionFigures> {
    rows.iter().find(|row| row.kind == Kind::Bare)
}

/// `upload, stored`.
fn name(function: &str, operation: &str) -> String {
    if operation.is_empty() { function.to_owned() } else { format!("{function}, {operation}") }
}

impl CountFigures {
    /// `upload, stored`.
    pub fn name(&self) -> String {
        name(&self.function, &self.operation)
    }

    /// S3 requests per invoke.
    pub fn s3_requests(&self) -> f64 {
        // The sum of nothing is -0 otherwise.
        self.s3_requests.values().sum::<f64>() + 0.0
    }
}

impl FunctionFigures {
    /// `upload, stored`.
    pub fn name(&self) -> String {
        name(&self.function, &self.operation)
    }

    /// The median over the rounds.
    pub fn median(&self, figure: fn(&Round) -> f64) -> f64 {
        median(&self.rounds.iter().map(figure).collect::<Vec<_>>())
    }

    /// The median of the ratios to `bare` within each round, which a machine that gets slower or faster between
    /// rounds does not change.
    pub fn ratio(&self, bare: &Self, figure: fn(&Round) -> f64) -> f64 {
        let pairs = self.rounds.iter().zip(&bare.rounds);
        median(&pairs.map(|(own, bare)| figure(own) / figure(bare)).collect::<Vec<_>>())
    }

    /// The median of what is above `bare` within each round.
    pub fn above(&self, bare: &Self, figure: fn(&Round) -> f64) -> f64 {
        let pairs = self.rounds.iter().zip(&bare.rounds);
        median(&pairs.map(|(own, bare)| figure(own) - figure(bare)).collect::<Vec<_>>())
    }

    /// S3 requests per invoke.
    pub fn s3_requests(&self) -> f64 {
        // The sum of nothing is -0 otherwise.
        self.median(|round| round.s3_requests.values().sum::<f64>() + 0.0)
    }
}
