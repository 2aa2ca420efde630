//! Telling Prosody whose rosters have changed: usernames folded into batches, answers added up.

use std::{collections::BTreeSet, time::Duration};

use satchel_rosters::username::{NameError, Username};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Usernames in one request to Prosody. It fetches all their rosters at the same time, and answers when the last one
/// is there.
pub const BATCH: usize = 50;

/// How often a batch is tried.
pub const ATTEMPTS: u32 = 3;

/// Why a body names nobody (400).
#[derive(Debug, thiserror::Error)]
pub enum UsernamesError {
    /// No body.
    #[error("the body is missing; it is a JSON array of usernames, such as [\"john\", \"marie\"]")]
    Missing,
    /// Not the JSON that it should be.
    #[error("the body is not a JSON array of usernames, such as [\"john\", \"marie\"]: {0}")]
    Json(#[from] serde_json::Error),
    /// One that is no string.
    #[error("entry {0} of the array is not a string")]
    NotText(usize),
    /// One that is no username.
    #[error("entry {entry} of the array is refused: {problem}")]
    Name {
        /// Counted from 1.
        entry: usize,
        /// What is wrong with it.
        problem: NameError,
    },
}

/// Reads a JSON array of usernames; each counts once.
///
/// # Errors
/// See [`UsernamesError`].
pub fn usernames(body: &[u8]) -> Result<Vec<Username>, UsernamesError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(UsernamesError::Missing);
    }
    let entries: Vec<Value> = serde_json::from_slice(body)?;
    let read = |(position, value): (usize, &Value)| {
        let text = value.as_str().ok_or(UsernamesError::NotText(position + 1))?;
        Username::parse(text).map_err(|problem| UsernamesError::Name { entry: position + 1, problem })
    };
    Ok(folded(entries.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?))
}

/// The same, each once, in the order of their first occurrences.
#[must_use]
pub fn folded(usernames: Vec<Username>) -> Vec<Username> {
    let mut seen = BTreeSet::new();
    usernames.into_iter().filter(|username| seen.insert(username.clone())).collect()
}

/// What Prosody answers, and what is answered in its stead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// `ok`, or `error` where not everybody has been told.
    pub status: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// Users who are up to date; those who are not online are.
    pub updated: u64,
    /// Users who are not.
    pub errors: u64,
}

impl Report {
    /// Reads Prosody's answer; `None` for one that is none.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The JSON of it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

/// Why a batch is not through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchFailure {
    /// No connection, or one that broke.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// Another status than 200.
    Status(u16),
    /// 200, and nothing that could be read as a report.
    Garbage,
}

impl BatchFailure {
    /// Whether it may go better the next time. Refreshing twice does no harm.
    #[must_use]
    pub const fn is_worth_a_retry(self) -> bool {
        match self {
            Self::Unreachable | Self::TimedOut => true,
            Self::Status(status) => status >= 500,
            Self::Garbage => false,
        }
    }

    /// The status to answer with.
    #[must_use]
    pub const fn gateway_status(self) -> u16 {
        match self {
            Self::TimedOut => 504,
            Self::Unreachable | Self::Status(_) | Self::Garbage => 502,
        }
    }

    /// Stable, for logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "prosody_unreachable",
            Self::TimedOut => "prosody_timed_out",
            Self::Status(_) => "prosody_refused",
            Self::Garbage => "prosody_unreadable",
        }
    }

    fn sentence(self) -> String {
        match self {
            Self::Unreachable => "Prosody is not reachable at SATCHEL_PROSODY_REFRESH_URL".into(),
            Self::TimedOut => "Prosody did not answer in time".into(),
            Self::Status(status) => format!("Prosody answered {status}; compare SATCHEL_PROSODY_REFRESH_URL"),
            Self::Garbage => {
                "Prosody's answer is not mod_http_roster_admin's; compare SATCHEL_PROSODY_REFRESH_URL".into()
            }
        }
    }
}

/// The reports so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    updated: u64,
    errors: u64,
    told: u64,
}

impl Tally {
    /// Adds a batch of so many usernames that Prosody has answered.
    pub fn add(&mut self, usernames: usize, report: &Report) {
        self.told += usernames as u64;
        self.updated = self.updated.saturating_add(report.updated);
        self.errors = self.errors.saturating_add(report.errors);
    }

    /// The report of it all, where every batch was answered.
    #[must_use]
    pub fn complete(&self) -> Report {
        let message = if self.errors == 0 { "roster update complete" } else { "some rosters could not be updated" };
        Report { status: "ok".into(), message: message.into(), updated: self.updated, errors: self.errors }
    }

    /// The report where a batch failed, and those after it were not tried: `all` usernames there were. It says how many
    /// of them, from the first on, need not be sent again.
    #[must_use]
    pub fn broken_off(&self, all: usize, failure: BatchFailure) -> Report {
        let not_told = (all as u64).saturating_sub(self.told);
        let message =
            format!("{}; {} of {all} usernames were passed on, in their order", failure.sentence(), self.told);
        Report { status: "error".into(), message, updated: self.updated, errors: self.errors.saturating_add(not_told) }
    }
}

/// How long to wait before an attempt: nothing before the first, then up to 0.4, 0.8, ... seconds, of which chance takes
/// at most half.
#[must_use]
pub fn pause(attempt: u32, chance: u8) -> Duration {
    let Some(doublings) = attempt.checked_sub(1) else { return Duration::ZERO };
    let most = Duration::from_millis(400 << doublings.min(4));
    most / 2 + most * u32::from(chance) / 512
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report(updated: u64, errors: u64) -> Report {
        Report { status: "ok".into(), message: String::new(), updated, errors }
    }

    #[test]
    fn a_body_is_an_array_of_usernames() {
        let names =
            |body: &str| usernames(body.as_bytes()).map(|names| names.iter().map(Username::to_string).collect());
        let read: Vec<String> = names(r#"["john", "marie", "John", "a/b@c", "john"]"#).unwrap();
        assert_eq!(read, ["john", "marie", "a/b@c"], "each once, as Prosody spells them");
        assert_eq!(names("[]").unwrap(), Vec::<String>::new());
        for (body, part) in [
            ("", "missing"),
            (" \n", "missing"),
            ("{", "not a JSON array"),
            ("{}", "not a JSON array"),
            ("null", "not a JSON array"),
            ("\"john\"", "not a JSON array"),
            ("[\"john\"", "not a JSON array"),
            ("[\"a\", 5]", "entry 2"),
            ("[null]", "entry 1"),
            ("[[\"john\"]]", "entry 1"),
            ("[\"a\", \"\"]", "entry 2"),
            ("[\"a\\u0000\"]", "control character"),
        ] {
            let error = names(body).unwrap_err().to_string();
            assert!(error.contains(part), "{body}: {error}");
        }
        assert!(usernames(b"[\"\xff\"]").is_err());
        assert!(usernames("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn prosodys_answer_is_read_or_not() {
        let answer = r#"{"status":"ok","message":"roster update complete","updated":2,"errors":0}"#;
        assert_eq!(Report::parse(answer.as_bytes()).unwrap().updated, 2);
        for garbage in ["", "ok", "[]", "{}", "<html>", r#"{"status":"ok","updated":-1,"errors":0}"#, "null"] {
            assert_eq!(Report::parse(garbage.as_bytes()), None, "{garbage}");
        }
    }

    #[test]
    fn answers_are_added_up() {
        let mut tally = Tally::default();
        assert_eq!((tally.complete().updated, tally.complete().status.as_str()), (0, "ok"));
        tally.add(50, &report(49, 1));
        tally.add(50, &report(50, 0));
        let whole = tally.complete();
        assert_eq!((whole.updated, whole.errors, whole.status.as_str()), (99, 1, "ok"));
        let broken = tally.broken_off(120, BatchFailure::TimedOut);
        assert_eq!((broken.updated, broken.errors, broken.status.as_str()), (99, 21, "error"));
        assert!(broken.message.contains("100 of 120"), "{}", broken.message);
    }

    #[test]
    fn failures_say_whether_to_try_again() {
        for (failure, again, status) in [
            (BatchFailure::Unreachable, true, 502),
            (BatchFailure::TimedOut, true, 504),
            (BatchFailure::Status(500), true, 502),
            (BatchFailure::Status(404), false, 502),
            (BatchFailure::Status(302), false, 502),
            (BatchFailure::Garbage, false, 502),
        ] {
            assert_eq!((failure.is_worth_a_retry(), failure.gateway_status()), (again, status), "{failure:?}");
        }
    }

    proptest! {
        #[test]
        fn pauses_grow_and_have_an_end(attempt in 0..40_u32, chance: u8) {
            let most = pause(attempt, 255);
            prop_assert!(pause(attempt, chance) <= most && most <= Duration::from_millis(6_400));
            prop_assert!(pause(attempt, chance) * 2 >= most);
            prop_assert_eq!(pause(0, chance), Duration::ZERO);
        }

        #[test]
        fn folding_keeps_everybody_once(names in prop::collection::vec("[a-d]{1,2}", 0..20)) {
            let names: Vec<_> = names.iter().map(|name| Username::parse(name).unwrap()).collect();
            let folded = folded(names.clone());
            prop_assert!(names.iter().all(|name| folded.iter().filter(|kept| *kept == name).count() == 1));
            prop_assert!(folded.chunks(BATCH).all(|batch| !batch.is_empty()));
        }
    }
}
