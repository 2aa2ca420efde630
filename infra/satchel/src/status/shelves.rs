//! What is stored: totals that are always at hand, and a walk over all files for the rest, repeated only when it has
//! become worth it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use percent_encoding::percent_decode_str;
use satchel_core::{purpose::Purpose, retention::Retention};
use satchel_folder::{Listed, Stock, Store, StoreError, Usage};
use tokio::sync::Mutex;

/// What the keys of files of all purposes begin with, as opposed to what is on its way or kept beside them; and the area
/// of them.
pub const FILES: &str = "uploads";
/// The area of resumable uploads that are not finished.
pub const UNFINISHED: &str = "unfinished";
/// The area of everything else.
const OTHER: &str = "other";
/// Files that are listed by name.
const NEWEST: usize = 20;
const DAY: u64 = 86_400;
/// A walk is good for this long, or for twenty times what it has taken: at most a twentieth of the time is spent walking.
const FRESH: Duration = Duration::from_secs(1);
const REST: u32 = 20;

/// The stack's own bucket.
#[derive(Debug)]
pub struct Shelves {
    store: Store,
    bucket: String,
    files: Usage,
    everything: Usage,
    retention: Retention,
    last: Mutex<Option<Walk>>,
}

#[derive(Debug)]
struct Walk {
    at: Instant,
    good_for: Duration,
    survey: Arc<Survey>,
}

/// A file that was stored lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// As it was uploaded, which may be anything.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// As it is served.
    pub content_type: String,
    /// Seconds since the epoch.
    pub stored: u64,
    /// Seconds since the epoch.
    pub expires: Option<u64>,
}

/// What a walk has seen.
#[derive(Debug, Clone)]
pub struct Survey {
    now: u64,
    retention: Retention,
    /// The newest files, newest first.
    pub newest: Vec<File>,
    /// Names of spans, the nearest first, with what expires in each.
    pub ahead: Vec<(&'static str, Stock)>,
}

/// Ends of the spans, in seconds from now.
const SPANS: [(&str, u64); 5] = [
    ("is past its expiry and will be removed", 0),
    ("within a day", DAY),
    ("within a week", 7 * DAY),
    ("within 30 days", 30 * DAY),
    ("later", u64::MAX),
];
const NEVER: &str = "never by itself";

impl Shelves {
    /// Begins to keep totals of `bucket`, whose rules are of this retention.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn open(store: Store, bucket: &str, retention: Retention) -> Result<Self, StoreError> {
        let (files, everything) = (store.usage(bucket, FILES).await?, store.usage(bucket, "").await?);
        Ok(Self { store, bucket: bucket.to_owned(), files, everything, retention, last: Mutex::default() })
    }

    /// Totals: of files, and of all else. Empty while they are being counted for the first time.
    #[must_use]
    pub fn stock(&self) -> Vec<(&'static str, Stock)> {
        let Some((files, everything)) = self.files.now().zip(self.everything.now()) else { return Vec::new() };
        let other = Stock {
            objects: everything.objects.saturating_sub(files.objects),
            bytes: everything.bytes.saturating_sub(files.bytes),
        };
        vec![(FILES, files), (OTHER, other)]
    }

    /// Totals by area, as they are shown: of files, of unfinished resumable uploads, and of all else. Empty while they
    /// are being counted for the first time.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn areas(&self) -> Result<Vec<(&'static str, Stock)>, StoreError> {
        let unfinished = self.store.under_way(&self.bucket).await?;
        let mut areas = self.stock();
        if !areas.is_empty() {
            areas.push((UNFINISHED, unfinished));
        }
        Ok(areas)
    }

    /// Returns once the totals are complete.
    pub async fn counted(&self) {
        self.files.counted().await;
        self.everything.counted().await;
    }

    /// The newest files and what expires when, as of `now`, in seconds since the epoch, or shortly before.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn survey(&self, now: u64) -> Result<Arc<Survey>, StoreError> {
        // Held while walking: those who come meanwhile wait for the same walk.
        let mut last = self.last.lock().await;
        if let Some(walk) = last.as_ref().filter(|walk| walk.at.elapsed() < walk.good_for) {
            return Ok(Arc::clone(&walk.survey));
        }
        let started = Instant::now();
        let survey = self.store.walk(&self.bucket, FILES, Survey::at(now, self.retention), Survey::see).await?;
        let survey = Arc::new(survey);
        let good_for = FRESH.max(started.elapsed() * REST);
        *last = Some(Walk { at: Instant::now(), good_for, survey: Arc::clone(&survey) });
        Ok(survey)
    }
}

impl Survey {
    fn at(now: u64, retention: Retention) -> Self {
        let nothing = Stock { objects: 0, bytes: 0 };
        let spans = SPANS.iter().map(|(name, _)| *name).chain([NEVER]);
        Self { now, retention, newest: Vec::new(), ahead: spans.map(|name| (name, nothing)).collect() }
    }

    fn see(&mut self, object: &Listed<'_>) {
        let stored = object.modified / 1_000;
        let own = object.metadata.get("expires").and_then(|at| at.parse::<u64>().ok());
        let expires = own.into_iter().chain(self.kept_until(object.key, stored)).min();
        let left = expires.map(|at| at.saturating_sub(self.now));
        let span = left.map_or(SPANS.len(), |left| SPANS.iter().position(|(_, end)| left <= *end).unwrap_or(0));
        if let Some((_, stock)) = self.ahead.get_mut(span) {
            stock.objects += 1;
            stock.bytes += object.size;
        }
        if self.newest.len() == NEWEST && self.newest.last().is_some_and(|oldest| oldest.stored >= stored) {
            return;
        }
        let at = self.newest.partition_point(|file| file.stored > stored);
        self.newest.insert(at, File::of(object, stored, expires));
        self.newest.truncate(NEWEST);
    }

    /// When the rule for files of its purpose deletes it, if not at the next midnight.
    fn kept_until(&self, key: &str, stored: u64) -> Option<u64> {
        let purpose = Purpose::ALL.into_iter().find(|purpose| key.starts_with(purpose.key_prefix()))?;
        self.retention.of(purpose).map(|seconds| stored.saturating_add(seconds))
    }
}

impl File {
    fn of(object: &Listed<'_>, stored: u64, expires: Option<u64>) -> Self {
        let content_type = object.content_type.unwrap_or_default().to_owned();
        Self { name: name(object.key, object.metadata), size: object.size, content_type, stored, expires }
    }
}

/// The name that the metadata has, or else the key's last segment.
fn name(key: &str, metadata: &BTreeMap<String, String>) -> String {
    match metadata.get("filename") {
        Some(encoded) => percent_decode_str(encoded).decode_utf8_lossy().into_owned(),
        None => key.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000 * DAY;

    fn seen(objects: &[(&str, u64, Option<u64>)]) -> Survey {
        seen_with(Retention::default(), objects)
    }

    fn seen_with(retention: Retention, objects: &[(&str, u64, Option<u64>)]) -> Survey {
        let mut survey = Survey::at(NOW, retention);
        for (key, stored, expires) in objects {
            let expires = expires.map(|at| ("expires".to_owned(), at.to_string()));
            let (modified, metadata) = (stored * 1_000, expires.into_iter().collect());
            survey.see(&Listed { key, size: 10, modified, content_type: None, metadata: &metadata });
        }
        survey
    }

    #[test]
    fn what_expires_is_sorted_by_when() {
        for (expires, span) in [
            (Some(NOW - 1), 0),
            (Some(NOW), 0),
            (Some(NOW + 1), 1),
            (Some(NOW + DAY), 1),
            (Some(NOW + DAY + 1), 2),
            (Some(NOW + 7 * DAY), 2),
            (Some(NOW + 7 * DAY + 1), 3),
            (Some(NOW + 30 * DAY), 3),
            (Some(NOW + 30 * DAY + 1), 4),
            (Some(u64::MAX), 4),
            (None, 5),
        ] {
            let survey = seen(&[("uploads/a", 1, expires), ("uploads/b", 1, expires)]);
            for (at, (_, stock)) in survey.ahead.iter().enumerate() {
                let expected = if at == span { (2, 20) } else { (0, 0) };
                assert_eq!((stock.objects, stock.bytes), expected, "{expires:?} at {at}");
            }
        }
    }

    #[test]
    fn a_file_expires_with_its_purposes_rule_at_the_latest() {
        let retention = Retention { message: Some(DAY), profile: Some(7 * DAY), ephemeral: None };
        for (name, key, own, expires) in [
            ("by the rule", "uploads/a/b", None, Some(NOW + DAY)),
            ("before it", "uploads/a/b", Some(NOW + 5), Some(NOW + 5)),
            ("not after it", "uploads/a/b", Some(NOW + 2 * DAY), Some(NOW + DAY)),
            ("another purpose", "uploads-profile/a.profile/b", None, Some(NOW + 7 * DAY)),
            ("one without a rule", "uploads-ephemeral/a.ephemeral/b", Some(NOW + 5), Some(NOW + 5)),
            ("permanent", "uploads-permanent/a.permanent/b", None, None),
        ] {
            let survey = seen_with(retention, &[(key, NOW, own)]);
            assert_eq!(survey.newest[0].expires, expires, "{name}");
        }
    }

    #[test]
    fn the_newest_files_are_kept_in_order() {
        let objects: Vec<(String, u64, Option<u64>)> =
            (0..100).map(|number| (format!("uploads/u/{number}"), number * 37 % 101, None)).collect();
        let objects: Vec<_> = objects.iter().map(|(key, stored, expires)| (key.as_str(), *stored, *expires)).collect();
        let survey = seen(&objects);
        assert_eq!(survey.newest.len(), NEWEST);
        assert!(survey.newest.is_sorted_by(|newer, older| newer.stored >= older.stored));
        assert_eq!(survey.newest[0].stored, 100);
        assert_eq!(survey.newest[NEWEST - 1].stored, 100 - NEWEST as u64 + 1);
    }
}
