//! The report of a run: a line of JSON for each object, and a summary at the end.

use satchel_core::{date_time, time::Timestamp};
use satchel_store::Fate;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::json;

/// Why something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Past its own expiry.
    Expired,
    /// The oldest, over the total limit.
    OverLimit,
    /// Waits to be sealed, or for the rest of its upload, for longer than a day.
    Abandoned,
    /// A multipart upload begun more than a day ago; it has no size that a listing would tell.
    MultipartUpload,
    /// An entry of the index whose object is not, or no longer, there.
    StaleEntry,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was stored.
    pub stored: Timestamp,
    /// Its own expiry, where that is why it goes.
    pub expires: Option<Timestamp>,
    /// Why it goes.
    pub reason: Reason,
}

impl Item {
    /// Its line.
    #[must_use]
    pub fn line(&self, fate: &Fate) -> String {
        let (outcome, error) = match fate {
            Fate::Deleted => ("deleted", None),
            Fate::WouldDelete => ("would_delete", None),
            Fate::Changed => ("changed", None),
            Fate::Failed(error) => ("failed", Some(error)),
        };
        let mut line = json!({
            "key": self.key, "reason": self.reason, "outcome": outcome, "bytes": self.size,
            "stored": date_time::format(self.stored),
        });
        if let Some(expires) = self.expires {
            line["expires"] = date_time::format(expires).into();
        }
        if let Some(error) = error {
            line["error"] = error.as_str().into();
        }
        line.to_string()
    }
}

/// Objects and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    pub objects: u64,
    /// Bytes in all.
    pub bytes: u64,
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, size: u64) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(size);
    }
}

/// What a run came to; a dry run counts what would be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Which run.
    pub run: String,
    /// Nothing was deleted.
    pub dry_run: bool,
    /// When it began.
    #[serde(serialize_with = "as_date_time", deserialize_with = "of_date_time")]
    pub started: Timestamp,
    /// Nothing is left for a later run but what failed: it was not out of time.
    pub complete: bool,
    /// Past their own expiry.
    pub expired: Tally,
    /// Over the total limit.
    pub over_limit: Tally,
    /// What interrupted work left under `incoming/` and `resuming/`.
    pub abandoned: Tally,
    /// Multipart uploads that were aborted.
    pub multipart_uploads: u64,
    /// Entries without their object.
    pub stale_entries: u64,
    /// When the oldest file that went was stored.
    #[serde(serialize_with = "as_date_time_if_any", deserialize_with = "of_date_time_if_any")]
    pub oldest: Option<Timestamp>,
    /// When the newest file that went was stored.
    #[serde(serialize_with = "as_date_time_if_any", deserialize_with = "of_date_time_if_any")]
    pub newest: Option<Timestamp>,
    /// Left alone, as they had changed or another run was faster.
    pub changed: u64,
    /// What S3 said no to, each in the report; a later run tries again.
    pub errors: u64,
    /// The last of these.
    pub last_error: Option<String>,
    /// Where a total limit had everything listed: the files that are left.
    pub left: Option<Tally>,
    /// And what there is of uploads that may still go on: objects under `incoming/` and `resuming/`, multipart uploads
    /// with the bytes of their parts. They count towards the limit.
    pub unfinished: Option<Tally>,
}

impl Summary {
    /// Of a run that has only begun.
    #[must_use]
    pub fn new(run: String, dry_run: bool, started: Timestamp) -> Self {
        Self {
            run,
            dry_run,
            started,
            complete: true,
            expired: Tally::default(),
            over_limit: Tally::default(),
            abandoned: Tally::default(),
            multipart_uploads: 0,
            stale_entries: 0,
            oldest: None,
            newest: None,
            changed: 0,
            errors: 0,
            last_error: None,
            left: None,
            unfinished: None,
        }
    }

    /// Counts what became of an object.
    pub fn note(&mut self, item: &Item, fate: &Fate) {
        match fate {
            Fate::Deleted | Fate::WouldDelete => self.gone(item),
            Fate::Changed => self.changed += 1,
            Fate::Failed(error) => self.fail(error.clone()),
        }
    }

    /// Counts something that S3 said no to.
    pub fn fail(&mut self, error: String) {
        self.errors += 1;
        self.last_error = Some(error);
    }

    fn gone(&mut self, item: &Item) {
        match item.reason {
            Reason::Expired => self.expired.add(item.size),
            Reason::OverLimit => self.over_limit.add(item.size),
            Reason::Abandoned => return self.abandoned.add(item.size),
            Reason::MultipartUpload => return self.multipart_uploads += 1,
            Reason::StaleEntry => return self.stale_entries += 1,
        }
        self.oldest = Some(self.oldest.map_or(item.stored, |oldest| oldest.min(item.stored)));
        self.newest = Some(self.newest.map_or(item.stored, |newest| newest.max(item.stored)));
    }

    /// The report's last line.
    #[must_use]
    pub fn line(&self) -> String {
        json!({ "summary": self }).to_string()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn as_date_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&date_time::format(*at))
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn as_date_time_if_any<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(date_time::format).serialize(serializer)
}

fn of_date_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    date_time::parse(&text).ok_or_else(|| de::Error::custom("not a date and time"))
}

fn of_date_time_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let read = |text: String| date_time::parse(&text).ok_or_else(|| de::Error::custom("not a date and time"));
    text.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn item(reason: Reason, size: u64, stored: u64) -> Item {
        Item { key: "uploads/u/\"a\nb\"".into(), size, stored: Timestamp::from_seconds(stored), expires: None, reason }
    }

    #[test]
    fn a_line_is_one_json_object_whatever_the_file_is_called() {
        let mut file = item(Reason::Expired, 5, 1_512_344_525);
        file.expires = Some(Timestamp::from_seconds(1_512_344_526));
        let line = file.line(&Fate::Failed("AccessDenied".into()));
        assert!(!line.contains('\n'));
        let read: Value = serde_json::from_str(&line).unwrap();
        let expected = json!({
            "key": "uploads/u/\"a\nb\"", "reason": "expired", "outcome": "failed", "error": "AccessDenied", "bytes": 5,
            "stored": "2017-12-03T23:42:05Z", "expires": "2017-12-03T23:42:06Z",
        });
        assert_eq!(read, expected);
        let would: Value = serde_json::from_str(&file.line(&Fate::WouldDelete)).unwrap();
        assert_eq!((&would["outcome"], would.get("error")), (&json!("would_delete"), None));
    }

    #[test]
    fn a_summary_counts_by_reason_and_knows_the_oldest_and_newest_file() {
        let mut summary = Summary::new("r".into(), false, Timestamp::from_seconds(0));
        for (reason, size, stored) in [
            (Reason::Expired, 5, 300),
            (Reason::OverLimit, 7, 100),
            (Reason::Expired, 2, 200),
            (Reason::Abandoned, 1, 1),
            (Reason::MultipartUpload, 0, 2),
            (Reason::StaleEntry, 0, 999),
        ] {
            summary.note(&item(reason, size, stored), &Fate::Deleted);
        }
        summary.note(&item(Reason::Expired, 9, 0), &Fate::Changed);
        summary.note(&item(Reason::Expired, 9, 0), &Fate::Failed("SlowDown".into()));
        let read: Value = serde_json::from_str(&summary.line()).unwrap();
        let expected = json!({"summary": {
            "run": "r", "dry_run": false, "started": "1970-01-01T00:00:00Z", "complete": true,
            "expired": {"objects": 2, "bytes": 7}, "over_limit": {"objects": 1, "bytes": 7},
            "abandoned": {"objects": 1, "bytes": 1}, "multipart_uploads": 1, "stale_entries": 1,
            "oldest": "1970-01-01T00:01:40Z", "newest": "1970-01-01T00:05:00Z",
            "changed": 1, "errors": 1, "last_error": "SlowDown", "left": null, "unfinished": null,
        }});
        assert_eq!(read, expected);
        assert_eq!(serde_json::from_value::<Summary>(read["summary"].clone()).unwrap(), summary, "it can be read back");
    }
}
