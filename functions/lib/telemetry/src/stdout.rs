//! Standard output, as Lambda hands it to CloudWatch: the lines that are wanted, with the metrics in them.

use std::{
    io::{Write, stdout},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{arrival::Seen, emf, environment::environment, level::Level, line::Line};

/// Where the lines of a function go.
#[derive(Debug)]
pub struct Stdout {
    wanted: Level,
    /// `None` where there are no metrics.
    namespace: Option<String>,
    warm: AtomicBool,
}

impl Stdout {
    /// As Lambda and the template say.
    #[must_use]
    pub fn from_environment() -> Self {
        Self {
            wanted: Level::wanted(environment("AWS_LAMBDA_LOG_LEVEL").as_deref()),
            namespace: environment("SATCHEL_METRICS_NAMESPACE").filter(|name| !name.is_empty()),
            warm: AtomicBool::new(false),
        }
    }

    /// The first of all is a cold start.
    pub fn seen(&self, seen: Seen) -> Seen {
        seen.starting_cold(!self.warm.swap(true, Ordering::Relaxed))
    }

    /// Prints a line, if it is serious enough.
    pub fn write(&self, line: &Line) {
        if line.level >= self.wanted {
            print(emf::json(line, self.namespace.as_deref()));
        }
    }
}

/// Prints a line to standard output with one write, so that it stays one line whoever else writes there. A request does
/// not fail because nobody reads its line.
pub fn print(mut line: String) {
    line.push('\n');
    let _ = stdout().lock().write_all(line.as_bytes());
}
