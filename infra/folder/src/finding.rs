//! Objects: looking at them, and finding them to be read.

use std::ops::Range;

use bytes::Bytes;

use crate::address::Address;
use crate::error::{Refusal, StoreError};
use crate::folder::Store;
use crate::found::Found;
use crate::read::ObjectStream;
use crate::record::{ObjectHead, Place};

impl Store {
    /// What is known of an object.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn head(&self, at: &Address) -> Result<ObjectHead, StoreError> {
        let snapshot = self.snapshot()?;
        match self.noting(snapshot.rows().head(at))? {
            Some(head) => Ok(head),
            None if snapshot.rows().has_bucket(&at.bucket)? => Err(Refusal::NoSuchKey.into()),
            None => Err(Refusal::NoSuchBucket.into()),
        }
    }

    /// Finds an object, to read it.
    ///
    /// # Errors
    /// As [`Store::head`].
    pub fn find(&self, at: &Address) -> Result<Found, StoreError> {
        let guard = self.enter();
        let snapshot = self.snapshot()?;
        let Some(stored) = self.noting(snapshot.rows().object(at))? else {
            let exists = snapshot.rows().has_bucket(&at.bucket)?;
            return Err(if exists { Refusal::NoSuchKey } else { Refusal::NoSuchBucket }.into());
        };
        let body = match stored.record.place {
            Place::Inside => self.noting(snapshot.rows().body(&stored))?,
            Place::Files(_) => Bytes::new(),
        };
        Ok(Found { at: at.clone(), record: stored.record, body, guard })
    }

    /// The bytes of `range` of an object, to the end of the range even if the object is deleted meanwhile.
    ///
    /// # Errors
    /// The files cannot be read, or are damaged where the range begins.
    pub async fn read(&self, found: Found, range: Range<u64>) -> Result<ObjectStream, StoreError> {
        ObjectStream::open(self.blobs().clone(), self.watch().clone(), found, range).await
    }
}
