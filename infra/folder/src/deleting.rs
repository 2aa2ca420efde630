//! Objects: deleting, alone or many in one transaction.

use crate::address::Address;
use crate::condition::WriteCondition;
use crate::error::{Refusal, StoreError};
use crate::folder::Store;
use crate::rows::Stored;
use crate::tables::Tables;
use crate::totals::Change;

impl Store {
    /// Deletes an object; one that is not there is deleted already, unless a condition asks for it.
    ///
    /// # Errors
    /// The condition does not hold, or the index cannot be written.
    pub async fn delete(&self, at: Address, matches: Option<String>) -> Result<(), StoreError> {
        let outcomes = self.delete_all(at.bucket, vec![(at.key, matches)]).await?;
        Ok(outcomes.into_iter().collect::<Result<(), Refusal>>()?)
    }

    /// Deletes keys of one bucket in one transaction, each with its own outcome.
    ///
    /// # Errors
    /// There is no such bucket, or the index cannot be written: then nothing is deleted.
    pub async fn delete_all(
        &self,
        bucket: String,
        keys: Vec<(String, Option<String>)>,
    ) -> Result<Vec<Result<(), Refusal>>, StoreError> {
        let mutation = move |tables: &mut Tables<'_>| {
            if !tables.rows.has_bucket(&bucket)? {
                return Ok(Err(Refusal::NoSuchBucket));
            }
            let mut outcomes = Vec::with_capacity(keys.len());
            for (key, matches) in keys {
                let at = Address { bucket: bucket.clone(), key };
                outcomes.push(tables.delete_object(&at, matches)?);
            }
            Ok(Ok(outcomes))
        };
        self.writer().apply(mutation).await
    }
}

impl Tables<'_> {
    fn delete_object(&mut self, at: &Address, matches: Option<String>) -> Result<Result<(), Refusal>, StoreError> {
        let present = match self.rows.object(at) {
            // Whoever deletes need not read. Its files, if there are any, are left for the quarantine.
            Err(StoreError::Damaged { .. }) if matches.is_none() => {
                self.rows.remove_damaged(at)?;
                self.after.strays += 1;
                return Ok(Ok(()));
            }
            present => present?,
        };
        let condition = WriteCondition { absent: false, matches };
        match (condition.check(present.as_ref().map(|stored| &stored.record.head)), present) {
            // A conditional delete of nothing is 412, unlike a conditional PUT.
            (Err(Refusal::NoSuchKey), _) => Ok(Err(Refusal::PreconditionFailed { condition: "If-Match" })),
            (Err(refusal), _) => Ok(Err(refusal)),
            (Ok(()), None) => Ok(Ok(())),
            (Ok(()), Some(stored)) => {
                self.remove_object(at, &stored)?;
                Ok(Ok(()))
            }
        }
    }

    /// Takes away `stored`, which is what is at `at`.
    pub(crate) fn remove_object(&mut self, at: &Address, stored: &Stored) -> Result<(), StoreError> {
        self.rows.remove_object(stored)?;
        self.after.changed.push(Change::of(&at.bucket, &at.key, Some(stored.record.head.size), None));
        self.discard(stored.record.place.segments());
        Ok(())
    }
}
