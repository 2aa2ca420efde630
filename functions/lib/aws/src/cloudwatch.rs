//! Standard output, as Lambda hands it to CloudWatch: the lines that are wanted, with the metrics in them.

use std::sync::atomic::{AtomicBool, Ordering};

use satchel_telemetry::{level::Level, line::Line};

use crate::{
    bootstrap::environment,
    log::{self, Seen},
};

/// Where the lines of a function go.
pub(crate) struct CloudWatch {
    wanted: Level,
    /// `None` where there are no metrics.
    namespace: Option<String>,
    warm: AtomicBool,
}

impl CloudWatch {
    pub(crate) fn from_environment() -> Self {
        Self {
            wanted: Level::wanted(environment("AWS_LAMBDA_LOG_LEVEL").as_deref()),
            namespace: environment("SATCHEL_METRICS_NAMESPACE").filter(|name| !name.is_empty()),
            warm: AtomicBool::new(false),
        }
    }

    /// The first of all is a cold start.
    pub(crate) fn seen(&self, seen: Seen) -> Seen {
        seen.starting_cold(!self.warm.swap(true, Ordering::Relaxed))
    }

    pub(crate) fn write(&self, line: &Line) {
        if line.level >= self.wanted {
            log::print(line.to_json(self.namespace.as_deref()));
        }
    }
}
