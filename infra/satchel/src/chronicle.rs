//! What has happened lately, for the status page: counts by the hour, and the last refusals.

use std::collections::{BTreeMap, VecDeque};

use satchel_core::outcome::CAUSE;
use satchel_telemetry::{line::Line, metrics};

/// Hours that are remembered.
pub const HOURS: u64 = 24;
/// Seconds.
const HOUR: u64 = 3_600;
/// Refusals that are remembered.
const REFUSALS: usize = 50;
/// Of a reason, for one row of a table.
const REASON_CHARACTERS: usize = 400;

/// Memory of a bounded size; it ends with the process.
#[derive(Debug, Default)]
pub struct Chronicle {
    /// By hours since the epoch.
    hours: BTreeMap<u64, Counts>,
    refusals: VecDeque<Refusal>,
    refused: u64,
}

/// What happened in one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files stored.
    pub uploads: u64,
    /// Downloads begun.
    pub downloads: u64,
}

/// A request that was refused, or failed.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// When, in seconds since the epoch.
    pub at: u64,
    /// The function, or the part of the stack.
    pub function: &'static str,
    /// The method; empty for events.
    pub method: String,
    /// The status; 0 for events.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// Why, where more is known than the code says.
    pub reason: String,
}

impl Chronicle {
    /// Takes in a line.
    pub fn note(&mut self, line: &Line) {
        self.count(line.at / 1_000, counts(line));
        if let Some(refusal) = Refusal::of(line) {
            self.refused += 1;
            self.refusals.truncate(REFUSALS - 1);
            self.refusals.push_front(refusal);
        }
    }

    fn count(&mut self, at: u64, counts: Counts) {
        if counts == Counts::default() {
            return;
        }
        let hour = at / HOUR;
        let known = self.hours.entry(hour).or_default();
        known.uploads += counts.uploads;
        known.downloads += counts.downloads;
        self.hours = self.hours.split_off(&(hour + 1).saturating_sub(HOURS));
    }

    /// The last hours up to `now`, oldest first, each with its beginning; both in seconds since the epoch.
    #[must_use]
    pub fn hours(&self, now: u64) -> Vec<(u64, Counts)> {
        let last = now / HOUR;
        let counts = |hour: u64| self.hours.get(&hour).copied().unwrap_or_default();
        ((last + 1).saturating_sub(HOURS)..=last).map(|hour| (hour * HOUR, counts(hour))).collect()
    }

    /// The last refusals, newest first.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        self.refusals.iter().cloned().collect()
    }

    /// All refusals there were.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// What a line adds to the chart, by the same rules as metrics.
fn counts(line: &Line) -> Counts {
    let of = |name: &str| {
        let values = metrics::measures(line).filter(|measure| measure.metric.name == name).map(|measure| measure.value);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts, which are neither")]
        let count = values.sum::<f64>() as u64;
        count
    };
    Counts { uploads: of("uploads"), downloads: of("downloads") }
}

impl Refusal {
    fn of(line: &Line) -> Option<Self> {
        line.is_refused().then(|| Self {
            at: line.at / 1_000,
            function: line.function,
            method: line.method.as_ref().map_or_else(String::new, ToString::to_string),
            status: line.status.map_or(0, |status| status.as_u16()),
            code: line.code,
            reason: reason(line),
        })
    }
}

/// The refusal's own words; of a MAC what was signed, which is all that there is to compare.
fn reason(line: &Line) -> String {
    let whole = match (line.noted("reason").or(line.noted(CAUSE)), line.noted("signed_messages")) {
        (Some(reason), _) => reason.as_str().map_or_else(|| reason.to_string(), str::to_owned),
        (None, Some(messages)) => format!("signed: {messages}"),
        (None, None) => String::new(),
    };
    match whole.char_indices().nth(REASON_CHARACTERS) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Method, StatusCode};
    use satchel_core::answer::Answer;
    use satchel_telemetry::arrival::Seen;

    const DAY: u64 = HOURS * HOUR;

    #[test]
    fn an_hour_counts_to_its_last_second_and_for_a_day() {
        let upload = Counts { uploads: 1, downloads: 0 };
        let mut chronicle = Chronicle::default();
        for seconds in [10 * DAY, 10 * DAY + 3_599, 10 * DAY + 3_600] {
            chronicle.count(seconds, upload);
        }
        chronicle.count(10 * DAY, Counts { uploads: 0, downloads: 5 });
        let hours = chronicle.hours(11 * DAY - 1);
        assert_eq!(hours.len() as u64, HOURS);
        assert_eq!(hours[0], (10 * DAY, Counts { uploads: 2, downloads: 5 }));
        assert_eq!(hours[1], (10 * DAY + 3_600, upload));
        assert_eq!(chronicle.hours(11 * DAY)[0], (10 * DAY + 3_600, upload), "a second later");
        chronicle.count(11 * DAY, upload);
        assert_eq!(chronicle.hours.len(), 2, "what is older is forgotten");
    }

    fn refusal(code: &'static str, reason: &str) -> Line {
        let mut response = Answer::empty(StatusCode::FORBIDDEN, code);
        response.note("reason", reason);
        Seen::of_request("upload", Method::PUT, String::new()).line(&response)
    }

    #[test]
    fn the_last_refusals_are_kept_newest_first_and_cut_to_a_row() {
        let mut chronicle = Chronicle::default();
        for number in 0..REFUSALS + 5 {
            chronicle.note(&refusal("refused", &number.to_string()));
        }
        let stored = Answer::empty(StatusCode::CREATED, "stored");
        chronicle.note(&Seen::of_request("upload", Method::PUT, String::new()).line(&stored));
        let reasons: Vec<String> = chronicle.refusals().into_iter().map(|refusal| refusal.reason).collect();
        assert_eq!((reasons.len(), reasons[0].as_str(), reasons[REFUSALS - 1].as_str()), (REFUSALS, "54", "5"));
        assert_eq!(chronicle.refused(), REFUSALS as u64 + 5);
        for (length, kept) in [(REASON_CHARACTERS, REASON_CHARACTERS), (REASON_CHARACTERS + 1, REASON_CHARACTERS + 1)] {
            chronicle.note(&refusal("refused", &"ü".repeat(length)));
            let reason = chronicle.refusals()[0].reason.clone();
            assert_eq!((reason.chars().count(), reason.ends_with('…')), (kept, length > REASON_CHARACTERS));
        }
    }
}
