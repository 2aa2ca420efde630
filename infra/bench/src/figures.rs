//! The figures as machines read them: every round's, so that ratios are made within a round.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::error::BenchError;

#[cfg(test)]
pub mod example;
mod function;
mod stack;

pub use function::{CountFigures, FunctionFigures, Kind, Round, bare};
pub use stack::{Peak, StackFigures, StackLoad, StackRound, peers};

/// All of one run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Figures {
    /// How it was measured.
    pub conditions: Conditions,
    /// A row for each subject, in the table's order.
    pub functions: Vec<FunctionFigures>,
    /// The redirect of `download`, and behind it the same in other languages.
    #[serde(default)]
    pub peers: Vec<FunctionFigures>,
    /// The stack over HTTP, beside its peers.
    pub stack: Option<StackFigures>,
    /// What does not depend on how busy the machine is: a row for each function's operation, in the table's order.
    #[serde(default)]
    pub counts: Vec<CountFigures>,
}

/// What one has to know to repeat it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Conditions {
    /// Processors.
    pub processors: usize,
    /// Rounds that count.
    pub rounds: usize,
    /// Warm invokes of each process.
    pub invokes: usize,
}

impl Figures {
    /// These, and of an earlier run what these have none of.
    pub fn or(self, earlier: Self) -> Self {
        let timed = !self.functions.is_empty();
        Self {
            conditions: if timed { self.conditions } else { earlier.conditions },
            functions: if timed { self.functions } else { earlier.functions },
            peers: if self.peers.is_empty() { earlier.peers } else { self.peers },
            stack: self.stack.or(earlier.stack),
            counts: if self.counts.is_empty() { earlier.counts } else { self.counts },
        }
    }

    /// Reads a file that [`Figures::write`] wrote.
    ///
    /// # Errors
    /// It is not there, or something else.
    pub fn read(file: &Path) -> Result<Self, BenchError> {
        let failed = |problem: String| BenchError::File { file: file.to_owned(), problem };
        let text = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
    }

    /// Writes them as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), BenchError> {
        let failed = |problem: String| BenchError::File { file: file.to_owned(), problem };
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.to_string()))?;
        fs::write(file, text + "\n").map_err(|error| failed(error.to_string()))
    }
}
