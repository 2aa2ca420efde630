//! What came of a load.

/// What a load was.
#[derive(Debug)]
pub struct Report {
    /// Requests that were answered.
    pub requests: u64,
    /// From the start to the end.
    pub seconds: f64,
    /// Milliseconds: the median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
}
