//! Objects: storing, copying, deleting, finding. Conditions are decided inside the write transaction.

use std::ops::Range;

use redb::ReadableTable;
use tokio::task::spawn_blocking;

use super::Store;
use super::blobs::PendingBlob;
use super::epoch::ReadGuard;
use super::error::{Refusal, StoreError};
use super::events::{CreatedBy, ObjectCreated};
use super::index::Tables;
use super::read::BlobStream;
use super::receive::Received;
use super::record::{EntityTag, Headers, ObjectHead, ObjectRecord, Segment, decode, encode};
use super::usage::Change;

/// What must hold about the present object for a write to happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WriteCondition {
    /// `If-None-Match: *`.
    pub absent: bool,
    /// `If-Match`: an ETag without quotes, or `*`.
    pub matches: Option<String>,
}

impl WriteCondition {
    /// Whether a write may replace `present`.
    pub(crate) fn check(&self, present: Option<&ObjectHead>) -> Result<(), Refusal> {
        if self.absent && present.is_some() {
            return Err(Refusal::PreconditionFailed { condition: "If-None-Match" });
        }
        match (&self.matches, present) {
            (None, _) => Ok(()),
            // S3 answers 404 rather than 412 where there is nothing to compare with.
            (Some(_), None) => Err(Refusal::NoSuchKey),
            (Some(tag), Some(head)) if tag == "*" || *tag == head.etag.to_string() => Ok(()),
            (Some(_), Some(_)) => Err(Refusal::PreconditionFailed { condition: "If-Match" }),
        }
    }
}

/// Where an object is or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub bucket: String,
    pub key: String,
}

impl Address {
    pub(super) fn index_key(&self) -> (&str, &[u8]) {
        (&self.bucket, self.key.as_bytes())
    }
}

/// An object found, with its blobs held in place.
pub(crate) struct Found {
    pub record: ObjectRecord,
    guard: ReadGuard,
}

impl Tables<'_> {
    pub(super) fn object(&self, at: &Address) -> Result<Option<ObjectRecord>, StoreError> {
        Ok(self.objects.get(at.index_key())?.map(|record| decode(record.value())).transpose()?)
    }

    /// Puts `record` at `at` if `condition` holds, gives up what was there, and tells of it.
    pub(super) fn put_object(
        &mut self,
        at: &Address,
        record: &ObjectRecord,
        condition: &WriteCondition,
        by: CreatedBy,
    ) -> Result<Result<(), Refusal>, StoreError> {
        if !self.has_bucket(&at.bucket)? {
            return Ok(Err(Refusal::NoSuchBucket));
        }
        let present = self.object(at)?;
        if let Err(refusal) = condition.check(present.as_ref().map(|record| &record.head)) {
            return Ok(Err(refusal));
        }
        self.objects.insert(at.index_key(), encode(record)?.as_slice())?;
        let before = present.as_ref().map(|record| record.head.size);
        self.after.changed.push(Change::of(&at.bucket, &at.key, before, Some(record.head.size)));
        self.discard(&present.map(|record| record.segments).unwrap_or_default());
        self.after.created.push(ObjectCreated {
            bucket: at.bucket.clone(),
            key: at.key.clone(),
            size: record.head.size,
            etag: record.head.etag.to_string(),
            by,
        });
        Ok(Ok(()))
    }
}

impl Store {
    /// Refuses early what the transaction would refuse anyway, before a body is read or a blob linked.
    pub(crate) fn check_write(&self, at: &Address, condition: &WriteCondition) -> Result<(), StoreError> {
        self.bucket(&at.bucket)?;
        if *condition == WriteCondition::default() {
            return Ok(());
        }
        let record = self.snapshot()?.objects()?.get(at.index_key())?;
        let head = record.map(|record| decode::<ObjectHead>(record.value())).transpose()?;
        Ok(condition.check(head.as_ref())?)
    }

    /// Makes a received body an object.
    pub(crate) async fn put(
        &self,
        at: Address,
        headers: Headers,
        received: Received,
        condition: WriteCondition,
    ) -> Result<ObjectHead, StoreError> {
        let head = ObjectHead {
            size: received.size,
            etag: EntityTag { md5: received.md5, parts: 0 },
            modified: self.now(),
            checksum: received.checksum.clone(),
            headers,
        };
        let record = ObjectRecord { head, segments: received.segments() };
        let blobs = received.blob.into_iter().collect();
        self.store(at, record, blobs, condition, CreatedBy::Put).await
    }

    /// Makes a copy of `found` at `to`, with its own headers or `headers`. Takes the same time for any size: the
    /// copy gets links to the blobs.
    pub(crate) async fn copy(
        &self,
        found: Found,
        to: Address,
        headers: Option<Headers>,
        condition: WriteCondition,
    ) -> Result<ObjectHead, StoreError> {
        let Found { record, guard } = found;
        let (segments, links) = self.link(record.segments, guard).await?;
        let mut head = record.head;
        head.modified = self.now();
        head.headers = headers.unwrap_or(head.headers);
        self.store(to, ObjectRecord { head, segments }, links, condition, CreatedBy::Copy).await
    }

    async fn link(
        &self,
        segments: Vec<Segment>,
        guard: ReadGuard,
    ) -> Result<(Vec<Segment>, Vec<PendingBlob>), StoreError> {
        let blobs = self.blobs().clone();
        let link_all = move || {
            let links = segments.iter().map(|segment| blobs.link(segment.blob)).collect::<Result<Vec<_>, _>>()?;
            blobs.sync_links(&links)?;
            drop(guard);
            let named = segments.iter().zip(&links).map(|(old, link)| Segment { blob: link.id, len: old.len });
            Ok((named.collect(), links))
        };
        spawn_blocking(link_all).await?
    }

    async fn store(
        &self,
        at: Address,
        record: ObjectRecord,
        blobs: Vec<PendingBlob>,
        condition: WriteCondition,
        by: CreatedBy,
    ) -> Result<ObjectHead, StoreError> {
        let mutation = move |tables: &mut Tables<'_>| {
            if let Err(refusal) = tables.put_object(&at, &record, &condition, by)? {
                return Ok(Err(refusal));
            }
            tables.after.published.extend(blobs);
            Ok(Ok(record.head))
        };
        self.writer().apply(mutation).await
    }

    /// Finds an object.
    pub(crate) fn find(&self, at: &Address) -> Result<Found, StoreError> {
        let guard = self.enter();
        let snapshot = self.snapshot()?;
        let Some(record) = snapshot.objects()?.get(at.index_key())? else {
            self.bucket(&at.bucket)?;
            return Err(Refusal::NoSuchKey.into());
        };
        Ok(Found { record: decode(record.value())?, guard })
    }

    /// The bytes of `range` of an object.
    pub(crate) async fn read(&self, found: Found, range: Range<u64>) -> Result<BlobStream, StoreError> {
        BlobStream::open(self.blobs().clone(), &found.record.segments, range, found.guard).await
    }

    /// Deletes an object; one that is not there is deleted already, unless a condition asks for it.
    pub(crate) async fn delete(&self, at: Address, matches: Option<String>) -> Result<(), StoreError> {
        let outcomes = self.delete_all(at.bucket, vec![(at.key, matches)]).await?;
        Ok(outcomes.into_iter().collect::<Result<(), Refusal>>()?)
    }

    /// Deletes keys of one bucket in one transaction, each with its own outcome.
    pub(crate) async fn delete_all(
        &self,
        bucket: String,
        keys: Vec<(String, Option<String>)>,
    ) -> Result<Vec<Result<(), Refusal>>, StoreError> {
        let mutation = move |tables: &mut Tables<'_>| {
            if !tables.has_bucket(&bucket)? {
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
        let present = self.object(at)?;
        let condition = WriteCondition { absent: false, matches };
        match (condition.check(present.as_ref().map(|record| &record.head)), present) {
            // A conditional delete of nothing is 412, unlike a conditional PUT.
            (Err(Refusal::NoSuchKey), _) => Ok(Err(Refusal::PreconditionFailed { condition: "If-Match" })),
            (Err(refusal), _) => Ok(Err(refusal)),
            (Ok(()), None) => Ok(Ok(())),
            (Ok(()), Some(record)) => {
                self.remove_object(at, &record)?;
                Ok(Ok(()))
            }
        }
    }

    /// Takes away `record`, which is what is at `at`.
    pub(super) fn remove_object(&mut self, at: &Address, record: &ObjectRecord) -> Result<(), StoreError> {
        self.objects.remove(at.index_key())?;
        self.after.changed.push(Change::of(&at.bucket, &at.key, Some(record.head.size), None));
        self.discard(&record.segments);
        Ok(())
    }
}
