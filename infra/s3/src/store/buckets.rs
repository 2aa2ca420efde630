//! Buckets: creating, finding, configuring.

use std::ops::Bound;

use redb::ReadableTable;

use super::Store;
use super::error::{Refusal, StoreError};
use super::index::Tables;
use super::record::{BucketRecord, decode, encode};

impl Tables<'_> {
    pub(super) fn bucket(&self, name: &str) -> Result<Option<BucketRecord>, StoreError> {
        Ok(self.buckets.get(name)?.map(|record| decode(record.value())).transpose()?)
    }

    pub(super) fn has_bucket(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.buckets.get(name)?.is_some())
    }

    fn is_empty(&self, bucket: &str) -> Result<bool, StoreError> {
        let mut objects = self.objects.range((Bound::Included((bucket, &b""[..])), Bound::Unbounded))?;
        if objects.next().transpose()?.is_some_and(|(key, _)| key.value().0 == bucket) {
            return Ok(false);
        }
        let mut uploads = self.uploads.range((Bound::Included((bucket, &b""[..], "")), Bound::Unbounded))?;
        Ok(uploads.next().transpose()?.is_none_or(|(key, _)| key.value().0 != bucket))
    }
}

impl Store {
    /// Creates a bucket; one that exists is left as it is.
    ///
    /// # Errors
    /// The index cannot be written.
    pub async fn create_bucket(&self, name: &str) -> Result<(), StoreError> {
        let (name, created) = (name.to_owned(), self.now());
        let mutation = move |tables: &mut Tables<'_>| {
            if !tables.has_bucket(&name)? {
                let record = BucketRecord { created, ..BucketRecord::default() };
                tables.buckets.insert(name.as_str(), encode(&record)?.as_slice())?;
            }
            Ok(Ok(()))
        };
        self.writer().apply(mutation).await
    }

    /// Deletes a bucket that holds nothing.
    pub(crate) async fn delete_bucket(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        let mutation = move |tables: &mut Tables<'_>| {
            if !tables.has_bucket(&name)? {
                return Ok(Err(Refusal::NoSuchBucket));
            }
            if !tables.is_empty(&name)? {
                return Ok(Err(Refusal::BucketNotEmpty));
            }
            tables.buckets.remove(name.as_str())?;
            Ok(Ok(()))
        };
        self.writer().apply(mutation).await
    }

    /// The bucket's record.
    pub(crate) fn bucket(&self, name: &str) -> Result<BucketRecord, StoreError> {
        let record = self.snapshot()?.buckets()?.get(name)?;
        let record = record.ok_or(Refusal::NoSuchBucket)?;
        Ok(decode(record.value())?)
    }

    /// All buckets, by name.
    pub(crate) fn buckets(&self) -> Result<Vec<(String, BucketRecord)>, StoreError> {
        let mut buckets = Vec::new();
        for entry in self.snapshot()?.buckets()?.iter()? {
            let (name, record) = entry?;
            buckets.push((name.value().to_owned(), decode(record.value())?));
        }
        Ok(buckets)
    }

    /// Changes a bucket's configuration.
    pub(crate) async fn configure_bucket<F>(&self, name: &str, change: F) -> Result<(), StoreError>
    where
        F: FnOnce(&mut BucketRecord) + Send + 'static,
    {
        let name = name.to_owned();
        let mutation = move |tables: &mut Tables<'_>| {
            let Some(mut record) = tables.bucket(&name)? else { return Ok(Err(Refusal::NoSuchBucket)) };
            change(&mut record);
            tables.buckets.insert(name.as_str(), encode(&record)?.as_slice())?;
            Ok(Ok(()))
        };
        self.writer().apply(mutation).await
    }
}
