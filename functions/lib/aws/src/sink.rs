//! Where lines go.

use std::{fmt, sync::Arc};

use satchel_telemetry::line::Line;

use crate::cloudwatch::CloudWatch;

/// Takes each line, such as to print it.
#[derive(Clone)]
pub struct Sink(Arc<dyn Fn(&Line) + Send + Sync>);

impl Sink {
    /// A sink that is a function.
    pub fn new(take: impl Fn(&Line) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Hands it a line.
    pub fn write(&self, line: &Line) {
        (self.0)(line);
    }
}

/// Standard output, as on Lambda.
impl Default for Sink {
    fn default() -> Self {
        Self::new(|line| CloudWatch::from_environment().write(line))
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink(..)")
    }
}
