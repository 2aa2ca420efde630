//! All that is wrong with the environment, at once.

use std::fmt;

/// One variable and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct ConfigProblem {
    /// The variable.
    pub name: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// All that is wrong with the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<ConfigProblem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem(s):", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl ConfigError {
    /// Both errors as one, each problem once.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0.into_iter().filter(|problem| !self.0.contains(problem)).collect::<Vec<_>>());
        self
    }
}
