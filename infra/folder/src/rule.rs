//! A lifecycle rule: which objects and uploads it is about, and when they are over (AWS: "Lifecycle configuration
//! elements").

use serde::{Deserialize, Serialize};

const MILLIS_PER_DAY: u64 = 86_400_000;

/// A rule of a bucket, enabled; times count from an object's last modification, or an upload's initiation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LifecycleRule {
    /// Its name.
    pub id: String,
    /// What the keys begin with that it is about; empty for all.
    pub prefix: String,
    /// It is about larger objects only, in bytes.
    pub larger_than: Option<u64>,
    /// It is about smaller objects only, in bytes.
    pub smaller_than: Option<u64>,
    /// Objects expire after so many days.
    pub expire_after_days: Option<u32>,
    /// Objects expire at this time, in milliseconds since 1970.
    pub expire_at: Option<u64>,
    /// Multipart uploads that are not complete are aborted after so many days.
    pub abort_after_days: Option<u32>,
}

impl LifecycleRule {
    /// Whether an object of so many bytes, last modified then, is to go.
    pub(crate) fn expires(&self, size: u64, modified: u64, now: u64) -> bool {
        let sized =
            self.larger_than.is_none_or(|above| size > above) && self.smaller_than.is_none_or(|below| size < below);
        let by_age = self.expire_after_days.is_some_and(|days| is_over(modified, days.into(), now));
        sized && (by_age || self.expire_at.is_some_and(|date| now >= date))
    }

    /// Whether an upload that began then is to go.
    pub(crate) fn aborts(&self, initiated: u64, now: u64) -> bool {
        self.abort_after_days.is_some_and(|days| is_over(initiated, days.into(), now))
    }
}

/// Whether so many days have passed since `start`, rounded up to the next midnight, UTC, as S3 does: what was created on
/// January 15 at 10:30 and expires after 3 days goes on January 19 at 00:00.
fn is_over(start: u64, days: u64, now: u64) -> bool {
    let full = start.saturating_add(days.saturating_mul(MILLIS_PER_DAY));
    now / MILLIS_PER_DAY > full / MILLIS_PER_DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_the_midnight_after() {
        // AWS's own example: 2014-01-15T10:30Z and 3 days are 2014-01-19T00:00Z.
        let created = 1_389_781_800_000;
        let end = 1_390_089_600_000;
        for (name, now, over) in [("before", end - 1, false), ("at", end, true), ("after", end + 1, true)] {
            assert_eq!(is_over(created, 3, now), over, "{name}");
        }
        let midnight = 1_389_744_000_000;
        assert!(!is_over(midnight, 1, midnight + 2 * MILLIS_PER_DAY - 1), "at midnight: the next one");
        assert!(is_over(midnight, 1, midnight + 2 * MILLIS_PER_DAY));
        assert!(!is_over(created, u64::MAX, u64::MAX - 1));
    }
}
