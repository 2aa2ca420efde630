//! Why a measurement cannot be made. None is ever skipped: a figure that is there was measured.

use std::{io, path::PathBuf};

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// cargo failed; it has said why.
    #[error("cargo could not build {packages}; its message is above")]
    Build {
        /// The packages of one call.
        packages: String,
    },
    /// A binary is not where it should be.
    #[error("there is no binary {}; build it, or leave --bin-dir out", .0.display())]
    NoBinary(PathBuf),
    /// A process did not start, or ended, or was silent for too long.
    #[error("{program}: {problem}{}", said(.stderr))]
    Process {
        /// Its name.
        program: String,
        /// What happened.
        problem: String,
        /// What it wrote to its standard error.
        stderr: String,
    },
    /// A program that measures, or makes a load.
    #[error("there is no {0}; install it (apt-get install {0})")]
    NotInstalled(&'static str),
    /// The functions of other languages.
    #[error("infra/bench/peers/install failed; its message is above")]
    Install,
    /// A thread of the count panicked; it has said why.
    #[error("a thread ended early; its message is above")]
    Worker,
    /// The S3 server of the measurement failed.
    #[error("the S3 server of the measurement: {0}")]
    S3(Box<dyn std::error::Error + Send + Sync>),
    /// A request of the load did not get through.
    #[error("the load: {0}")]
    Load(Box<dyn std::error::Error + Send + Sync>),
    /// A file of figures, or the README, cannot be read, understood or written.
    #[error("{}: {problem}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system refused something.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The chart.
    #[error("the chart could not be drawn: {0}")]
    Chart(String),
    /// Figures over their limits, one per line.
    #[error("over the limits:\n{}", .0.join("\n"))]
    OverLimits(Vec<String>),
}

fn said(stderr: &str) -> String {
    if stderr.trim().is_empty() { String::new() } else { format!("; it wrote: {}", stderr.trim()) }
}
