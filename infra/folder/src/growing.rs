//! Uploads that grow at their end: chunks of any size become parts, and with the last byte the object is there.
//!
//! A part that is smaller than S3 would take grows with what comes, written anew, so that there are few parts however small
//! the chunks are. How far an upload is, its parts say.

use bytes::Bytes;
use futures_util::Stream;
use tokio::task::spawn_blocking;

use crate::address::{Address, UploadAddress};
use crate::blobs::{Blobs, Draft, Loose};
use crate::condition::WriteCondition;
use crate::damage::ReadError;
use crate::epoch::ReadGuard;
use crate::error::{Refusal, StoreError};
use crate::events::CreatedBy;
use crate::folder::Store;
use crate::multipart::{MIN_PART_BYTES, assemble};
use crate::objects::Described;
use crate::observer::Observer;
use crate::receive::{Body, Received, Room};
use crate::record::{Headers, ObjectHead, ObjectRecord, PartRecord, Segment, UploadRecord};
use crate::tables::Tables;
use crate::uploads::fresh_id;

/// Bytes of a part that are copied at once.
const COPIED_BYTES: u64 = 1 << 20;

/// How far an upload is. While this lives, the bytes that it was made of stay.
#[derive(Debug, Clone)]
pub struct Growing {
    at: UploadAddress,
    /// What the object will carry.
    pub headers: Headers,
    /// Bytes there are.
    pub size: u64,
    /// Bytes of the object.
    pub whole: u64,
    /// The last part.
    last: Option<(u32, PartRecord)>,
    _guard: ReadGuard,
}

impl Growing {
    /// The number of the part that comes next, and what of it is there already.
    fn next(&self) -> (u32, &[Segment]) {
        match &self.last {
            None => (1, &[]),
            Some((number, part)) if part.size < MIN_PART_BYTES => (*number, &part.segments),
            Some((number, _)) => (number + 1, &[]),
        }
    }
}

/// Bytes that came in and are not added yet.
#[derive(Debug)]
pub struct Addition {
    at: UploadAddress,
    /// Behind so many bytes they belong.
    offset: u64,
    /// How many they are.
    pub added: u64,
    number: u32,
    body: Body,
}

/// What an upload becomes with its last byte.
pub struct Completion<F> {
    /// Gives the object's ETag and checksum from its parts, whose ETags are the SHA-256 of their bytes in hexadecimal
    /// digits.
    pub describe: F,
    /// An empty object that is to be there with it, whatever is there.
    pub beside: Option<Address>,
}

/// What adding came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Grown {
    /// So many bytes are there now.
    Part(u64),
    /// All of them are, as an object.
    Object(Box<ObjectHead>),
    /// So many are there, and others were to be: nothing has changed.
    Elsewhere(u64),
    /// All of them were, and another object was first. The upload has ended.
    Exists,
}

impl Store {
    /// Begins an upload of `whole` bytes with the first ones of them, and gives its id. One of its kind that is under way at
    /// the address ends with that.
    ///
    /// # Errors
    /// There is no such bucket, or the disk failed.
    pub async fn begin_growing(
        &self,
        object: Address,
        headers: Headers,
        whole: u64,
        first: Body,
    ) -> Result<String, StoreError> {
        let initiated = self.now();
        let id = fresh_id(initiated)?;
        let at = UploadAddress { object, id: id.clone() };
        let first = self.part(&at, 1, first).await?;
        let record = UploadRecord { initiated, algorithm: None, full_object: false, headers, whole: Some(whole) };
        let mutation = move |tables: &mut Tables<'_>| {
            if !tables.rows.has_bucket(&at.object.bucket)? {
                return Ok(Err(Refusal::NoSuchBucket));
            }
            for (id, known) in tables.rows.uploads_at(&at.object)? {
                if known.is_some_and(|known| known.whole.is_some()) {
                    tables.end_upload(&UploadAddress { object: at.object.clone(), id })?;
                }
            }
            tables.rows.put_upload(&at, &record)?;
            if let Some((part, file)) = first {
                tables.rows.put_part(&at.id, 1, &part)?;
                tables.after.published.push(file);
            }
            Ok(Ok(()))
        };
        self.writer().apply(mutation).await.map(|()| id)
    }

    /// How far an upload is; `None` where there is none of that name that grows.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn growing(&self, at: &UploadAddress) -> Result<Option<Growing>, StoreError> {
        // Before the index is read.
        let guard = self.enter();
        let snapshot = self.snapshot()?;
        let Some(UploadRecord { headers, whole: Some(whole), .. }) = self.noting(snapshot.rows().upload(at))? else {
            return Ok(None);
        };
        let mut parts = self.noting(snapshot.rows().parts(&at.id, 0, usize::MAX))?;
        let size = size_of(&parts);
        Ok(Some(Growing { at: at.clone(), headers, size, whole, last: parts.pop(), _guard: guard }))
    }

    /// Takes in what is to be added to an upload, as far as it comes, and shows `observer` all of it. What is not added
    /// afterwards does not stay behind.
    ///
    /// # Errors
    /// [`StoreError::Full`], or the disk failed.
    pub async fn receive_more<S, E, O>(
        &self,
        to: &Growing,
        body: S,
        announced: u64,
        observer: O,
    ) -> Result<Received<Addition, O, E>, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        O: Observer,
    {
        let (number, segments) = to.next();
        let room = Room { most: to.whole.saturating_sub(to.size), announced };
        let received = if segments.is_empty() {
            self.receive_some(body, room, observer).await?
        } else {
            let (blobs, segments) = (self.blobs().clone(), segments.to_vec());
            let begun = spawn_blocking(move || continued(&blobs, &segments)).await?;
            let draft = self.noting(begun.map_err(|error| match error {
                ReadError::Damaged(damage) => {
                    StoreError::Damaged { what: format!("the upload of {}", to.at.object), cause: damage.to_string() }
                }
                ReadError::Io(error) => error.into(),
            }))?;
            self.receive_behind(Box::new(draft), body, room, observer).await?
        };
        let Received { body, observer, ended } = received;
        let before: u64 = segments.iter().map(|segment| segment.len).sum();
        let (at, offset, added) = (to.at.clone(), to.size, body.size - before);
        Ok(Received { body: Addition { at, offset, added, number, body }, observer, ended })
    }

    /// Adds bytes to an upload, if it is still where they belong: of two additions at one place one is made. With the last
    /// byte it is an object, unless there is one.
    ///
    /// # Errors
    /// There is no such upload, or the disk failed.
    pub async fn grow<F>(&self, addition: Addition, completion: Completion<F>) -> Result<Grown, StoreError>
    where
        F: FnOnce(&[&PartRecord]) -> Described + Send + 'static,
    {
        let Addition { at, offset, number, body, .. } = addition;
        let (now, part) = (self.now(), self.part(&at, number, body).await?);
        let mutation = move |tables: &mut Tables<'_>| {
            let Some(upload) = tables.rows.upload(&at)?.filter(|upload| upload.whole.is_some()) else {
                return Ok(Err(Refusal::NoSuchUpload));
            };
            let mut parts = tables.parts(&at.id)?;
            // Every addition makes it larger: one of the same size is the same.
            let Some((part, file)) = part.filter(|_| size_of(&parts) == offset) else {
                return Ok(Ok(Grown::Elsewhere(size_of(&parts))));
            };
            let replaced = parts.pop_if(|(last, _)| *last == number);
            parts.push((number, part));
            let size = size_of(&parts);
            let is_whole = upload.whole == Some(size);
            if is_whole && tables.rows.head(&at.object)?.is_some() {
                tables.end_upload(&at)?;
                return Ok(Ok(Grown::Exists));
            }
            replaced.iter().for_each(|(_, replaced)| tables.discard(&replaced.segments));
            tables.after.published.push(file);
            if is_whole {
                return tables.complete(&at, upload, &parts, completion, now);
            }
            parts.last().map_or(Ok(()), |(number, part)| tables.rows.put_part(&at.id, *number, part))?;
            Ok(Ok(Grown::Part(size)))
        };
        self.writer().apply(mutation).await
    }

    /// A part of an upload, and its file, if there is anything in it.
    async fn part(
        &self,
        at: &UploadAddress,
        number: u32,
        body: Body,
    ) -> Result<Option<(PartRecord, Loose)>, StoreError> {
        let (size, modified) = (body.size, self.now());
        let file = self.finish_part(at, number, body).await?;
        Ok(file.map(|(file, sha256)| {
            let segments = vec![Segment { blob: file.id, len: size, sha256 }];
            (PartRecord { size, etag: hex::encode(sha256.0), modified, checksum: None, segments }, file)
        }))
    }
}

impl Tables<'_> {
    fn complete<F: FnOnce(&[&PartRecord]) -> Described>(
        &mut self,
        at: &UploadAddress,
        upload: UploadRecord,
        parts: &[(u32, PartRecord)],
        completion: Completion<F>,
        now: u64,
    ) -> Result<Result<Grown, Refusal>, StoreError> {
        let parts: Vec<&PartRecord> = parts.iter().map(|(_, part)| part).collect();
        let record = assemble(at, upload, &parts, (completion.describe)(&parts), now);
        let absent = WriteCondition { absent: true, matches: None };
        let by = CreatedBy::CompleteMultipartUpload;
        if let Err(refusal) = self.put_object(&at.object, &record, None, &absent, by)? {
            return Ok(Err(refusal));
        }
        if let Some(beside) = completion.beside {
            let (empty, always) = (ObjectRecord::empty(now), WriteCondition::default());
            if let Err(refusal) = self.put_object(&beside, &empty, Some(&Bytes::new()), &always, CreatedBy::Put)? {
                return Ok(Err(refusal));
            }
        }
        self.label(&at.object, &record);
        self.rows.remove_upload(at)?;
        Ok(Ok(Grown::Object(Box::new(record.head))))
    }
}

fn size_of(parts: &[(u32, PartRecord)]) -> u64 {
    parts.iter().map(|(_, part)| part.size).sum()
}

/// A new file that begins with the bytes of others.
fn continued(blobs: &Blobs, segments: &[Segment]) -> Result<Draft, ReadError> {
    let mut draft = blobs.begin()?;
    for segment in segments {
        let file = blobs.open_blob(segment.blob)?.of_length(segment.len)?;
        let mut at = 0;
        while at < segment.len {
            let end = segment.len.min(at + COPIED_BYTES);
            draft.append(&file.read(at..end)?)?;
            at = end;
        }
    }
    Ok(draft)
}
