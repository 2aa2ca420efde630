//! Objects: storing, copying, deleting, finding. Conditions are decided inside the write transaction.

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::address::Address;
use crate::blobs::Loose;
use crate::condition::WriteCondition;
use crate::damage::ReadError;
use crate::epoch::ReadGuard;
use crate::error::{Refusal, StoreError};
use crate::events::{CreatedBy, ObjectCreated};
use crate::folder::Store;
use crate::found::Found;
use crate::label::Label;
use crate::receive::{Body, Content};
use crate::record::{Checksum, Headers, ObjectHead, ObjectRecord, Place, Segment};
use crate::tables::Tables;
use crate::totals::Change;

/// What is stored with a body.
#[derive(Debug, Clone, Default)]
pub struct Described {
    /// Without quotes.
    pub etag: String,
    /// What the sender asked for besides.
    pub checksum: Option<Checksum>,
    /// Given back with it.
    pub headers: Headers,
}

impl Tables<'_> {
    /// Puts `record` at `at` if `condition` holds, gives up what was there, and tells of it.
    pub(crate) fn put_object(
        &mut self,
        at: &Address,
        record: &ObjectRecord,
        body: Option<&Bytes>,
        condition: &WriteCondition,
        by: CreatedBy,
    ) -> Result<Result<(), Refusal>, StoreError> {
        if !self.rows.has_bucket(&at.bucket)? {
            return Ok(Err(Refusal::NoSuchBucket));
        }
        let present = self.rows.object(at)?;
        let present_head = present.as_ref().map(|present| &present.record.head);
        if let Err(refusal) = condition.check(present_head) {
            return Ok(Err(refusal));
        }
        let before = present_head.map(|head| head.size);
        self.rows.put_object(at, record, body, present.as_ref())?;
        self.after.changed.push(Change::of(&at.bucket, &at.key, before, Some(record.head.size)));
        if let Some(present) = present {
            self.discard(present.record.place.segments());
        }
        self.after.created.push(ObjectCreated {
            bucket: at.bucket.clone(),
            key: at.key.clone(),
            size: record.head.size,
            etag: record.head.etag.clone(),
            by,
        });
        Ok(Ok(()))
    }
}

/// What is to become an object: its record, and its bytes where they go.
struct Ready {
    record: ObjectRecord,
    body: Option<Bytes>,
    files: Vec<Loose>,
}

impl Store {
    /// Refuses early what the transaction would refuse anyway, before a body is read or a file linked.
    ///
    /// # Errors
    /// The condition does not hold, there is no such bucket, or the index cannot be read.
    pub fn check_write(&self, at: &Address, condition: &WriteCondition) -> Result<(), StoreError> {
        let snapshot = self.snapshot()?;
        if !snapshot.rows().has_bucket(&at.bucket)? {
            return Err(Refusal::NoSuchBucket.into());
        }
        if *condition == WriteCondition::default() {
            return Ok(());
        }
        let head = self.noting(snapshot.rows().head(at))?;
        Ok(condition.check(head.as_ref())?)
    }

    /// Makes a received body an object. When this returns it is durable.
    ///
    /// # Errors
    /// The condition does not hold, there is no such bucket, or the disk failed; then nothing has changed, unless it is
    /// [`StoreError::NotCommitted`].
    pub async fn put(
        &self,
        at: Address,
        described: Described,
        body: Body,
        condition: WriteCondition,
    ) -> Result<ObjectHead, StoreError> {
        self.put_beside(at, described, body, condition, None).await
    }

    /// The same; with it, in one commit, an empty object at `beside`, whatever is there.
    ///
    /// # Errors
    /// As [`Store::put`]; then neither is there.
    pub async fn put_beside(
        &self,
        at: Address,
        described: Described,
        body: Body,
        condition: WriteCondition,
        beside: Option<Address>,
    ) -> Result<ObjectHead, StoreError> {
        let Described { etag, checksum, headers } = described;
        let (size, sha256) = (body.size, Some(body.sha256));
        let head = ObjectHead { size, etag, modified: self.now(), sha256, checksum, upload: None, headers };
        let ready = match body.content {
            Content::Small(bytes) => {
                Ready { record: ObjectRecord { head, place: Place::Inside }, body: Some(bytes), files: Vec::new() }
            }
            content => {
                let (blobs, bucket, key) = (self.blobs().clone(), at.bucket.clone(), at.key.clone());
                let label = Label::Object { bucket, key, head: head.clone(), segments: Vec::new() };
                let finished = spawn_blocking(move || content.into_file(&blobs)?.finish(&label)).await?;
                let (file, sha256) = self.noting(finished.map_err(StoreError::from))?;
                let segment = Segment { blob: file.id, len: size, sha256 };
                Ready {
                    record: ObjectRecord { head, place: Place::Files(vec![segment]) },
                    body: None,
                    files: vec![file],
                }
            }
        };
        self.store(at, ready, condition, CreatedBy::Put, beside).await
    }

    /// Makes a copy of `found` at `to`, with its own headers or `headers`. Takes the same time for any size: the
    /// copy gets links to the files.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub async fn copy(
        &self,
        found: Found,
        to: Address,
        headers: Option<Headers>,
        condition: WriteCondition,
    ) -> Result<ObjectHead, StoreError> {
        self.copy_beside(found, to, headers, condition, None).await
    }

    /// The same; with it, in one commit, an empty object at `beside`, whatever is there.
    ///
    /// # Errors
    /// As [`Store::put`]; then neither is there.
    pub async fn copy_beside(
        &self,
        found: Found,
        to: Address,
        headers: Option<Headers>,
        condition: WriteCondition,
        beside: Option<Address>,
    ) -> Result<ObjectHead, StoreError> {
        let Found { at, record, body, guard } = found;
        let mut head = record.head;
        head.modified = self.now();
        head.upload = None;
        head.headers = headers.unwrap_or(head.headers);
        let ready = match record.place {
            Place::Inside => {
                Ready { record: ObjectRecord { head, place: Place::Inside }, body: Some(body), files: Vec::new() }
            }
            Place::Files(segments) => {
                let (segments, files) = self.link(&at, segments, guard).await?;
                Ready { record: ObjectRecord { head, place: Place::Files(segments) }, body: None, files }
            }
        };
        self.store(to, ready, condition, CreatedBy::Copy, beside).await
    }

    async fn link(
        &self,
        at: &Address,
        segments: Vec<Segment>,
        guard: ReadGuard,
    ) -> Result<(Vec<Segment>, Vec<Loose>), StoreError> {
        let blobs = self.blobs().clone();
        let link_all = move || {
            let links = segments.iter().map(|segment| blobs.link(segment)).collect::<Result<Vec<_>, _>>()?;
            drop(guard);
            let named = segments.iter().zip(&links).map(|(old, link)| Segment { blob: link.id, ..*old });
            Ok((named.collect(), links))
        };
        let linked: Result<_, ReadError> = spawn_blocking(link_all).await?;
        self.noting(linked.map_err(|error| match error {
            ReadError::Damaged(damage) => StoreError::Damaged { what: at.to_string(), cause: damage.to_string() },
            ReadError::Io(error) => error.into(),
        }))
    }

    async fn store(
        &self,
        at: Address,
        ready: Ready,
        condition: WriteCondition,
        by: CreatedBy,
        beside: Option<Address>,
    ) -> Result<ObjectHead, StoreError> {
        let mutation = move |tables: &mut Tables<'_>| {
            let Ready { record, body, files } = ready;
            if let Err(refusal) = tables.put_object(&at, &record, body.as_ref(), &condition, by)? {
                return Ok(Err(refusal));
            }
            if let Some(beside) = beside {
                let (empty, always) = (ObjectRecord::empty(record.head.modified), WriteCondition::default());
                if let Err(refusal) =
                    tables.put_object(&beside, &empty, Some(&Bytes::new()), &always, CreatedBy::Put)?
                {
                    return Ok(Err(refusal));
                }
            }
            if by != CreatedBy::Put {
                tables.label(&at, &record);
            }
            tables.after.published.extend(files);
            Ok(Ok(record.head))
        };
        self.writer().apply(mutation).await
    }
}

impl Tables<'_> {
    /// Has the first file of an object say what it is: its own footer says what it was.
    pub(crate) fn label(&mut self, at: &Address, record: &ObjectRecord) {
        let segments = record.place.segments();
        if let Some(first) = segments.first() {
            let (bucket, key, head) = (at.bucket.clone(), at.key.clone(), record.head.clone());
            let label = Label::Object { bucket, key, head, segments: segments.to_vec() };
            self.after.labels.push((first.blob, label));
        }
    }
}
