//! How serious a line is, and which lines are wanted.

use http::StatusCode;

/// Lambda's levels, least serious first (AWS: "Log-level filtering").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// The most detail.
    Trace,
    /// For finding faults.
    Debug,
    /// What went as it should.
    #[default]
    Info,
    /// Refusals.
    Warn,
    /// Failures.
    Error,
    /// What keeps a function from starting.
    Fatal,
}

impl Level {
    const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The least serious level to print, as `AWS_LAMBDA_LOG_LEVEL` has it; INFO where it is absent or unknown, which is
    /// Lambda's own default.
    #[must_use]
    pub fn wanted(variable: Option<&str>) -> Self {
        let known = |text: &str| Self::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(text));
        variable.and_then(known).unwrap_or_default()
    }

    /// What an answer's status means.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            500.. => Self::Error,
            400.. => Self::Warn,
            _ => Self::Info,
        }
    }

    /// Upper-case, as Lambda writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_named_and_info_by_default() {
        for (variable, wanted) in [
            (None, Level::Info),
            (Some(""), Level::Info),
            (Some("loud"), Level::Info),
            (Some("trace"), Level::Trace),
            (Some("DEBUG"), Level::Debug),
            (Some("Warn"), Level::Warn),
            (Some("ERROR"), Level::Error),
            (Some("FATAL"), Level::Fatal),
        ] {
            assert_eq!(Level::wanted(variable), wanted, "{variable:?}");
        }
    }

    #[test]
    fn refusals_are_warnings_and_failures_errors() {
        for (status, level) in [(201, Level::Info), (399, Level::Info), (400, Level::Warn), (499, Level::Warn)] {
            assert_eq!(Level::of_status(StatusCode::from_u16(status).unwrap()), level, "{status}");
        }
        assert_eq!(Level::of_status(StatusCode::INTERNAL_SERVER_ERROR), Level::Error);
        assert!(Level::Trace < Level::Debug && Level::Error < Level::Fatal);
    }
}
