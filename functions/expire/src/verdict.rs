//! The decision about one entry of the index that has come due. An entry may lie: its upload lost the race for the
//! path, or was deleted and another took its place. What an object says of itself counts.

use satchel_core::{metadata::Metadata, time::Timestamp};

/// Seconds after which whoever wrote an entry has stored the object, too, or never will: the largest copy is given
/// 900 s.
const SETTLED_AFTER: u64 = 3_600;

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The object is past its own expiry: it goes, then its entry.
    Delete,
    /// The entry speaks of an object that is not, or no longer, there: the entry goes.
    Stale,
    /// The object may still be on its way: a later run decides.
    Wait,
}

/// Decides at `now` about an entry that was written at `written`. `object` is what the object says of itself, where
/// there is one.
#[must_use]
pub fn judge(object: Option<&Metadata>, written: Timestamp, now: Timestamp) -> Verdict {
    if object.and_then(|metadata| metadata.expires).is_some_and(|at| at.is_reached(now)) {
        Verdict::Delete
    } else if now.since(written) >= SETTLED_AFTER {
        Verdict::Stale
    } else {
        Verdict::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_past_its_own_expiry_is_deleted() {
        let at = Timestamp::from_seconds;
        let now = at(100_000);
        let expiring = |seconds: u32| {
            let seconds = seconds.to_string();
            Some(Metadata::read(|name| (name == "expires").then_some(seconds.as_str())))
        };
        let never = Some(Metadata::default());
        let (early, just) = (at(100_000 - SETTLED_AFTER), at(100_001 - SETTLED_AFTER));
        for (name, object, written, verdict) in [
            ("the second before", expiring(100_001), early, Verdict::Stale),
            ("the very second", expiring(100_000), early, Verdict::Delete),
            ("the second after", expiring(99_999), early, Verdict::Delete),
            ("expired when it was stored", expiring(1), now, Verdict::Delete),
            ("without expiry", never.clone(), early, Verdict::Stale),
            ("without expiry, entry of just now", never, just, Verdict::Wait),
            ("gone", None, early, Verdict::Stale),
            ("not there yet", None, just, Verdict::Wait),
            ("another expiry, entry of just now", expiring(100_001), just, Verdict::Wait),
        ] {
            assert_eq!(judge(object.as_ref(), written, now), verdict, "{name}");
        }
    }
}
