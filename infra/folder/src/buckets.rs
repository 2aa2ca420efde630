//! Buckets: creating, finding, configuring.

use crate::error::{Refusal, StoreError};
use crate::folder::Store;
use crate::record::BucketRecord;
use crate::tables::Tables;

impl Store {
    /// Creates a bucket; one that exists is left as it is.
    ///
    /// # Errors
    /// The index cannot be written.
    pub async fn create_bucket(&self, name: &str) -> Result<(), StoreError> {
        let (name, created) = (name.to_owned(), self.now());
        let mutation = move |tables: &mut Tables<'_>| {
            if !tables.rows.has_bucket(&name)? {
                tables.rows.put_bucket(&name, &BucketRecord { created, ..BucketRecord::default() })?;
            }
            Ok(Ok(()))
        };
        self.writer().apply(mutation).await
    }

    /// Deletes a bucket that holds nothing.
    ///
    /// # Errors
    /// There is none, it is not empty, or the index cannot be written.
    pub async fn delete_bucket(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        let mutation = move |tables: &mut Tables<'_>| {
            if !tables.rows.has_bucket(&name)? {
                return Ok(Err(Refusal::NoSuchBucket));
            }
            if tables.rows.has_objects_or_uploads(&name)? {
                return Ok(Err(Refusal::BucketNotEmpty));
            }
            tables.rows.remove_bucket(&name)?;
            Ok(Ok(()))
        };
        self.writer().apply(mutation).await
    }

    /// The bucket's record.
    ///
    /// # Errors
    /// There is none, or the index cannot be read.
    pub fn bucket(&self, name: &str) -> Result<BucketRecord, StoreError> {
        let record = self.noting(self.snapshot()?.rows().bucket(name))?;
        Ok(record.ok_or(Refusal::NoSuchBucket)?)
    }

    /// All buckets, by name.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn buckets(&self) -> Result<Vec<(String, BucketRecord)>, StoreError> {
        self.noting(self.snapshot()?.rows().buckets())
    }

    /// Changes a bucket's configuration.
    ///
    /// # Errors
    /// There is none, or the index cannot be written.
    pub async fn configure_bucket<F>(&self, name: &str, change: F) -> Result<(), StoreError>
    where
        F: FnOnce(&mut BucketRecord) + Send + 'static,
    {
        let name = name.to_owned();
        let mutation = move |tables: &mut Tables<'_>| {
            let Some(mut record) = tables.rows.bucket(&name)? else { return Ok(Err(Refusal::NoSuchBucket)) };
            change(&mut record);
            tables.rows.put_bucket(&name, &record)?;
            Ok(Ok(()))
        };
        self.writer().apply(mutation).await
    }
}
