//! The index of expiries: one empty object per upload that expires before a lifecycle rule would delete it. Its key
//! says when and which, so that a listing in key order is one in order of time.

use crate::{
    date_time,
    grant::Grant,
    object_key::{Key, StoredObject},
    purpose::Purpose,
    retention::Retention,
    time::Timestamp,
    upload_path::{MAX_KEY_BYTES, UploadPath},
};

/// What the keys of all entries begin with.
pub const PREFIX: &str = "expiry/";

/// What an unfinished upload leaves behind, and what waits to be sealed, is given this long, in seconds: as the
/// lifecycle rules give it.
pub const ABANDONED_AFTER: u64 = 86_400;

/// Seconds by which a lifecycle rule may be later than an upload's own expiry without an entry being worth a
/// request: `expire` itself comes by once an hour. XMPP servers count from the slot, the rule from the upload.
const TOLERANCE: u64 = 3_600;

/// That an upload expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    expires: Timestamp,
    path: UploadPath,
}

impl Entry {
    /// The entry that an upload needs when it is stored at `now`, if it needs one: it expires, something other than
    /// its prefix's lifecycle rule has to delete it, and a key can say so. What is permanent never has one.
    #[must_use]
    pub fn of(grant: &Grant, retention: &Retention, now: Timestamp) -> Option<Self> {
        let purpose = grant.path.purpose();
        let expires = grant.expires.filter(|_| purpose != Purpose::Permanent)?;
        let by_rule = retention.of(purpose).is_some_and(|kept| expires.plus(TOLERANCE) >= now.plus(kept));
        let entry = Self { expires, path: grant.path.clone() };
        (!by_rule && expires <= date_time::LAST && entry.encode().len() <= MAX_KEY_BYTES).then_some(entry)
    }

    /// When.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Which.
    #[must_use]
    pub const fn path(&self) -> &UploadPath {
        &self.path
    }

    /// `expiry/<date>T<hour>/<minute><second>/<the object's key>`, in UTC: that, and when, it expires.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::new(self.encode())
    }

    fn encode(&self) -> String {
        let at = date_time::format(self.expires);
        let (hour, minute, second) = (&at[..13], &at[14..16], &at[17..19]);
        format!("{PREFIX}{hour}/{minute}{second}/{}", Key::of_upload(&self.path).as_str())
    }

    /// Reads a key; `None` for one that [`Entry::of`] would give to no upload.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let (hour, rest) = key.strip_prefix(PREFIX)?.split_once('/')?;
        let (second, object) = rest.split_once('/')?;
        let (minute, second) = second.split_at_checked(2)?;
        let expires = date_time::parse(&format!("{hour}:{minute}:{second}Z"))?;
        let Some(StoredObject::Upload(path)) = StoredObject::parse(object) else { return None };
        let entry = Self { expires, path };
        (entry.path.purpose() != Purpose::Permanent && entry.encode() == key).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{content_type::ContentType, grant::UploadId};
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const DAY: u64 = 86_400;
    const RULES: Retention = Retention { message: Some(30 * DAY), profile: Some(365 * DAY), ephemeral: Some(7 * DAY) };

    fn grant(path: &str, expires: Option<u64>) -> Grant {
        Grant {
            path: UploadPath::parse_decoded(path).unwrap(),
            size: 1,
            content_type: ContentType::default(),
            expires: expires.map(|after| NOW.plus(after)),
            owner: None,
            id: UploadId::from_random([0; 9]),
            token: None,
        }
    }

    #[test]
    fn an_entry_names_hour_second_and_object() {
        let entry = Entry::of(&grant("slot/très cool.jpg", Some(62)), &RULES, NOW).unwrap();
        assert_eq!(entry.encode(), "expiry/2027-01-15T08/0102/uploads/slot/très cool.jpg");
        assert_eq!(Entry::parse(&entry.encode()), Some(entry));
    }

    #[test]
    fn only_what_expires_before_its_lifecycle_rule_has_an_entry() {
        let none = Retention::default();
        for (name, path, expires, rules, needed) in [
            ("no expiry", "u/a", None, &none, false),
            ("a month, as the rule", "u/a", Some(30 * DAY), &RULES, false),
            ("the slot was given an hour ago", "u/a", Some(30 * DAY - 3_600), &RULES, false),
            ("and a second", "u/a", Some(30 * DAY - 3_601), &RULES, true),
            ("later than the rule", "u/a", Some(31 * DAY), &RULES, false),
            ("no rule", "u/a", Some(31 * DAY), &none, true),
            ("another rule", "u.profile/a", Some(31 * DAY), &RULES, true),
            ("ephemeral, as the rule", "u.ephemeral/a", Some(7 * DAY), &RULES, false),
            ("ephemeral", "u.ephemeral/a", Some(1), &RULES, true),
            ("past", "u/a", Some(0), &RULES, true),
            ("permanent", "u.permanent/a", Some(1), &RULES, false),
            ("beyond all dates", "u/a", Some(u64::MAX), &none, false),
        ] {
            assert_eq!(Entry::of(&grant(path, expires), rules, NOW).is_some(), needed, "{name}");
        }
    }

    #[test]
    fn an_object_whose_entry_would_be_too_long_goes_without() {
        let path = |length| format!("u/{}", "n".repeat(length));
        let spare = MAX_KEY_BYTES - Entry::of(&grant("u/n", Some(1)), &RULES, NOW).unwrap().encode().len();
        assert!(Entry::of(&grant(&path(spare + 1), Some(1)), &RULES, NOW).is_some());
        assert!(Entry::of(&grant(&path(spare + 2), Some(1)), &RULES, NOW).is_none());
    }

    #[test]
    fn foreign_keys_are_no_entries() {
        for key in [
            "",
            "expiry/",
            "expiry/2027-01-15T08/0102/",
            "expiry/2027-01-15T08/0102/uploads/",
            "expiry/2027-01-15T08/0102/incoming/a/b",
            "expiry/2027-01-15T08/0102/uploads-permanent/a.permanent/b",
            "expiry/2027-01-15T08/0160/uploads/a",
            "expiry/2027-01-15T24/0102/uploads/a",
            "expiry/2027-01-15T08/102/uploads/a",
            "expiry/2027-01-15T08/01022/uploads/a",
            "expiry/2027-01-15T08/01é/uploads/a",
            "expiry/2027-01-15T8/0102/uploads/a",
            "reports/2027-01-15T08/0102/uploads/a",
        ] {
            assert_eq!(Entry::parse(key), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn keys_sort_by_time_and_are_read_back(a in 0..253_402_300_800_u64, b in 0..253_402_300_800_u64) {
            let path = UploadPath::parse_decoded("u/a").unwrap();
            let [a, b] = [a, b].map(|at| Entry { expires: Timestamp::from_seconds(at), path: path.clone() });
            prop_assert_eq!(a.encode().cmp(&b.encode()), a.expires.cmp(&b.expires));
            prop_assert_eq!(Entry::parse(&a.encode()), Some(a));
        }

        #[test]
        fn no_other_key_is_read(key in "expiry/[0-9T-]{0,14}/[0-9]{0,5}/(uploads/)?[a-z/.]{0,9}") {
            if let Some(entry) = Entry::parse(&key) {
                prop_assert_eq!(entry.encode(), key);
            }
        }
    }
}
