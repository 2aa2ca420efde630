//! Lifecycle rules, applied: expiring objects, and aborting uploads that nobody finishes.

use tokio::task::spawn_blocking;

use crate::address::{Address, UploadAddress};
use crate::error::{Refusal, StoreError};
use crate::folder::Store;
use crate::listing::{Page, Query};
use crate::record::{BucketRecord, ObjectHead};
use crate::rule::LifecycleRule;
use crate::tables::Tables;

/// Objects that one transaction looks at.
const PAGE: usize = 1000;

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

impl Store {
    /// Gives a bucket these rules instead of those it has.
    ///
    /// # Errors
    /// No such bucket; the index cannot be written.
    pub async fn set_lifecycle(&self, bucket: &str, rules: &[LifecycleRule]) -> Result<(), StoreError> {
        let rules = rules.to_vec();
        let change = |record: &mut BucketRecord| (record.rules, record.lifecycle) = (rules, None);
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
            let due = page.entries.into_iter().filter(|(_, object)| rule.expires(object.size, object.modified, now));
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
            for (key, (id, _)) in page.entries.into_iter().filter(|(_, (_, upload))| rule.aborts(upload.initiated, now))
            {
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
