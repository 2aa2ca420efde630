//! The daily quota: how many bytes an account may be granted slots for between two midnights, UTC.

use satchel_core::time::Timestamp;
use serde::{Deserialize, Serialize};

const SECONDS_PER_DAY: u64 = 86_400;

/// What an account has been granted on one day: the content of its `ledger/` object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Days since 1970-01-01.
    day: u64,
    /// Bytes granted on it.
    bytes: u64,
}

/// The quota leaves less than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("your uploads of today leave {left} of {quota} bytes; try again after midnight UTC, or send a smaller file")]
pub struct QuotaReached {
    /// Bytes still free today.
    pub left: u64,
    /// Bytes a day.
    pub quota: u64,
    /// When all of them are free again.
    pub retry: Timestamp,
}

impl Ledger {
    /// Reads an object's content. What is no ledger counts as an empty one: a damaged object must not lock its
    /// owner out.
    #[must_use]
    pub fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The object's content.
    #[must_use]
    pub fn to_json(self) -> String {
        serde_json::json!(self).to_string()
    }
}

/// Bytes granted on the day of `now`.
#[must_use]
pub fn spent(ledger: Option<Ledger>, now: Timestamp) -> u64 {
    ledger.filter(|ledger| ledger.day == day(now)).map_or(0, |ledger| ledger.bytes)
}

/// The ledger with `size` more bytes in it, of `quota` a day.
///
/// # Errors
/// [`QuotaReached`], the ledger staying as it is.
pub fn reserve(ledger: Option<Ledger>, size: u64, quota: u64, now: Timestamp) -> Result<Ledger, QuotaReached> {
    let spent = spent(ledger, now);
    let left = quota.saturating_sub(spent);
    if size > left {
        return Err(QuotaReached { left, quota, retry: midnight_after(now) });
    }
    Ok(Ledger { day: day(now), bytes: spent + size })
}

/// The next midnight, UTC.
#[must_use]
pub fn midnight_after(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds((day(now) + 1) * SECONDS_PER_DAY)
}

const fn day(now: Timestamp) -> u64 {
    now.as_seconds() / SECONDS_PER_DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(10 * SECONDS_PER_DAY + SECONDS_PER_DAY / 2);
    const MIDNIGHT: Timestamp = Timestamp::from_seconds(11 * SECONDS_PER_DAY);

    #[test]
    fn the_quota_can_be_spent_to_the_last_byte_and_not_beyond() {
        let first = reserve(None, 60, 100, NOON).unwrap();
        assert_eq!(spent(Some(first), NOON), 60);
        assert_eq!(reserve(Some(first), 41, 100, NOON), Err(QuotaReached { left: 40, quota: 100, retry: MIDNIGHT }));
        let full = reserve(Some(first), 40, 100, NOON).unwrap();
        assert_eq!(reserve(Some(full), 1, 100, NOON).unwrap_err().left, 0);
        assert_eq!(reserve(Some(full), u64::MAX, 100, NOON).unwrap_err().left, 0);
    }

    #[test]
    fn a_new_day_begins_at_midnight() {
        let full = reserve(None, 100, 100, NOON).unwrap();
        let last = Timestamp::from_seconds(MIDNIGHT.as_seconds() - 1);
        assert!(reserve(Some(full), 1, 100, last).is_err());
        assert_eq!(spent(Some(full), MIDNIGHT), 0);
        assert_eq!(spent(reserve(Some(full), 7, 100, MIDNIGHT).ok(), MIDNIGHT), 7);
        assert_eq!(midnight_after(last), MIDNIGHT);
        assert_eq!(midnight_after(MIDNIGHT), MIDNIGHT.plus(SECONDS_PER_DAY));
    }

    #[test]
    fn a_lowered_quota_leaves_nothing_rather_than_less_than_nothing() {
        let spent = reserve(None, 100, 100, NOON).unwrap();
        assert_eq!(reserve(Some(spent), 1, 50, NOON).unwrap_err().left, 0);
    }

    #[test]
    fn a_ledger_is_read_back_as_written_and_nothing_else_is() {
        let ledger = reserve(None, 60, 100, NOON).unwrap();
        assert_eq!(Ledger::parse(ledger.to_json().as_bytes()), Some(ledger));
        for foreign in ["", "{}", "[1]", "{\"day\":1,\"bytes\":-1}", "{\"day\":1}"] {
            assert_eq!(Ledger::parse(foreign.as_bytes()), None, "{foreign}");
        }
    }
}
