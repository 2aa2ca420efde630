//! Lifecycle rules, applied: expiring objects, and aborting uploads that nobody finishes (AWS: "Lifecycle
//! configuration elements").

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::Store;
use crate::error::{Refusal, StoreError};
use crate::listing::{Page, Query};
use crate::objects::Address;
use crate::record::{ObjectHead, UploadRecord};
use crate::tables::Tables;
use crate::uploads::UploadAddress;

const MILLIS_PER_DAY: u64 = 86_400_000;
/// Objects that one transaction looks at.
const PAGE: usize = 1000;

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

/// What applying the rules of a bucket came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Objects deleted.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Multipart uploads aborted.
    pub uploads: u64,
}

impl LifecycleRule {
    fn expires(&self, object: &ObjectHead, now: u64) -> bool {
        let sized = self.larger_than.is_none_or(|above| object.size > above)
            && self.smaller_than.is_none_or(|below| object.size < below);
        let by_age = self.expire_after_days.is_some_and(|days| is_over(object.modified, days.into(), now));
        sized && (by_age || self.expire_at.is_some_and(|date| now >= date))
    }

    fn aborts(&self, upload: &UploadRecord, now: u64) -> bool {
        self.abort_after_days.is_some_and(|days| is_over(upload.initiated, days.into(), now))
    }
}

/// Whether so many days have passed since `start`, rounded up to the next midnight, UTC, as S3 does: what was created on
/// January 15 at 10:30 and expires after 3 days goes on January 19 at 00:00.
fn is_over(start: u64, days: u64, now: u64) -> bool {
    let full = start.saturating_add(days.saturating_mul(MILLIS_PER_DAY));
    now / MILLIS_PER_DAY > full / MILLIS_PER_DAY
}

impl Store {
    /// Gives a bucket these rules instead of those it has.
    ///
    /// # Errors
    /// No such bucket; the index cannot be written.
    pub async fn set_lifecycle(&self, bucket: &str, rules: &[LifecycleRule]) -> Result<(), StoreError> {
        let rules = rules.to_vec();
        let change = |record: &mut crate::record::BucketRecord| (record.rules, record.lifecycle) = (rules, None);
        self.configure_bucket(bucket, change).await
    }

    /// Applies a bucket's rules, as S3 does about once a day.
    ///
    /// # Errors
    /// No such bucket; the index cannot be read or written. What was expired by then is gone.
    pub async fn apply_lifecycle(&self, bucket: &str) -> Result<Expired, StoreError> {
        let mut expired = Expired::default();
        let now = self.now();
        for rule in self.bucket(bucket)?.rules {
            self.expire_objects(bucket, &rule, now, &mut expired).await?;
            self.abort_uploads(bucket, &rule, now, &mut expired).await?;
        }
        Ok(expired)
    }

    async fn expire_objects(
        &self,
        bucket: &str,
        rule: &LifecycleRule,
        now: u64,
        expired: &mut Expired,
    ) -> Result<(), StoreError> {
        let mut query = Query { prefix: rule.prefix.clone(), limit: PAGE, ..Query::default() };
        if rule.expire_after_days.is_none() && rule.expire_at.is_none() {
            return Ok(());
        }
        loop {
            let (store, name, asked) = (self.clone(), bucket.to_owned(), query.clone());
            let page: Page<ObjectHead> = spawn_blocking(move || store.list_objects(&name, &asked)).await??;
            let due = page.entries.into_iter().filter(|(_, object)| rule.expires(object, now));
            let gone = self.delete_unchanged(bucket, due.map(|(key, object)| (key, object.modified)).collect()).await?;
            expired.objects += gone.objects;
            expired.bytes += gone.bytes;
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Deletes keys of one bucket whose objects have not been replaced since they were looked at.
    async fn delete_unchanged(&self, bucket: &str, due: Vec<(String, u64)>) -> Result<Expired, StoreError> {
        if due.is_empty() {
            return Ok(Expired::default());
        }
        let bucket = bucket.to_owned();
        let mutation = move |tables: &mut Tables<'_>| {
            let mut gone = Expired::default();
            for (key, modified) in due {
                let at = Address { bucket: bucket.clone(), key };
                if let Some(stored) = tables.rows.object(&at)?.filter(|stored| stored.record.head.modified == modified)
                {
                    tables.remove_object(&at, &stored)?;
                    gone.objects += 1;
                    gone.bytes += stored.record.head.size;
                }
            }
            Ok(Ok(gone))
        };
        self.writer().apply(mutation).await
    }

    async fn abort_uploads(
        &self,
        bucket: &str,
        rule: &LifecycleRule,
        now: u64,
        expired: &mut Expired,
    ) -> Result<(), StoreError> {
        let mut query = Query { prefix: rule.prefix.clone(), limit: PAGE, ..Query::default() };
        if rule.abort_after_days.is_none() {
            return Ok(());
        }
        let mut after_id: Option<String> = None;
        loop {
            let (store, name, asked, id) = (self.clone(), bucket.to_owned(), query.clone(), after_id.take());
            let page = spawn_blocking(move || store.list_uploads(&name, &asked, id.as_deref())).await??;
            after_id = page.entries.last().map(|(_, (id, _))| id.clone());
            for (key, (id, _)) in page.entries.into_iter().filter(|(_, (_, upload))| rule.aborts(upload, now)) {
                let object = Address { bucket: bucket.to_owned(), key };
                match self.abort_upload(UploadAddress { object, id }).await {
                    Ok(()) => expired.uploads += 1,
                    // Completed or aborted meanwhile.
                    Err(StoreError::Refused(Refusal::NoSuchUpload)) => {}
                    Err(error) => return Err(error),
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }
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
