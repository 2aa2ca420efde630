//! Multipart uploads under way: beginning, adding parts, aborting, finding.

use tokio::task::spawn_blocking;

use crate::address::{Address, UploadAddress};
use crate::blobs::Loose;
use crate::error::{Refusal, StoreError};
use crate::folder::Store;
use crate::label::Label;
use crate::objects::Described;
use crate::receive::Body;
use crate::record::{ChecksumAlgorithm, Digest, Headers, PartRecord, Segment, UploadRecord};
use crate::tables::Tables;

/// More than S3 has.
const ALL_PARTS: usize = 100_000;

/// Unguessable, and later ones sort after earlier ones.
pub(crate) fn fresh_id(now: u64) -> Result<String, StoreError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(StoreError::Random)?;
    Ok(format!("{now:012x}{:032x}", u128::from_be_bytes(random)))
}

impl Tables<'_> {
    /// Forgets an upload and gives up its parts.
    pub(crate) fn end_upload(&mut self, at: &UploadAddress) -> Result<(), StoreError> {
        let parts = self.parts(&at.id)?;
        self.rows.remove_upload(at)?;
        parts.iter().for_each(|(_, part)| self.discard(&part.segments));
        Ok(())
    }

    /// All parts of an upload, by number.
    pub(crate) fn parts(&self, id: &str) -> Result<Vec<(u32, PartRecord)>, StoreError> {
        self.rows.parts(id, 0, ALL_PARTS)
    }
}

impl Store {
    /// Begins an upload and gives its id: unguessable, and later ones sort after earlier ones.
    ///
    /// # Errors
    /// There is no such bucket, or the index cannot be written.
    pub async fn begin_upload(
        &self,
        object: Address,
        headers: Headers,
        algorithm: Option<ChecksumAlgorithm>,
        full_object: bool,
    ) -> Result<String, StoreError> {
        let initiated = self.now();
        let id = fresh_id(initiated)?;
        let at = UploadAddress { object, id: id.clone() };
        let record = UploadRecord { initiated, algorithm, full_object, headers, whole: None };
        let mutation = move |tables: &mut Tables<'_>| {
            if !tables.rows.has_bucket(&at.object.bucket)? {
                return Ok(Err(Refusal::NoSuchBucket));
            }
            tables.rows.put_upload(&at, &record)?;
            Ok(Ok(()))
        };
        self.writer().apply(mutation).await.map(|()| id)
    }

    /// The upload's record.
    ///
    /// # Errors
    /// There is no such bucket or upload, or the index cannot be read.
    pub fn upload(&self, at: &UploadAddress) -> Result<UploadRecord, StoreError> {
        let snapshot = self.snapshot()?;
        if !snapshot.rows().has_bucket(&at.object.bucket)? {
            return Err(Refusal::NoSuchBucket.into());
        }
        Ok(self.noting(snapshot.rows().upload(at))?.ok_or(Refusal::NoSuchUpload)?)
    }

    /// Adds a part, numbered from 1, replacing one of the same number. Its headers mean nothing.
    ///
    /// # Errors
    /// There is no such upload, or the disk failed.
    pub async fn put_part(
        &self,
        at: UploadAddress,
        number: u32,
        described: Described,
        body: Body,
    ) -> Result<PartRecord, StoreError> {
        let (size, modified) = (body.size, self.now());
        let file = self.finish_part(&at, number, body).await?;
        let segments =
            file.iter().map(|(file, sha256)| Segment { blob: file.id, len: size, sha256: *sha256 }).collect();
        let part = PartRecord { size, etag: described.etag, modified, checksum: described.checksum, segments };
        let mutation = move |tables: &mut Tables<'_>| {
            if tables.rows.upload(&at)?.is_none() {
                return Ok(Err(Refusal::NoSuchUpload));
            }
            let old = tables.rows.parts(&at.id, number.saturating_sub(1), 1)?;
            if let Some((_, old)) = old.into_iter().find(|(old, _)| *old == number) {
                tables.discard(&old.segments);
            }
            tables.rows.put_part(&at.id, number, &part)?;
            tables.after.published.extend(file.map(|(file, _)| file));
            Ok(Ok(part))
        };
        self.writer().apply(mutation).await
    }

    /// The file of a part, if there is anything in it.
    pub(crate) async fn finish_part(
        &self,
        at: &UploadAddress,
        number: u32,
        body: Body,
    ) -> Result<Option<(Loose, Digest)>, StoreError> {
        let (blobs, label) = (self.blobs().clone(), Label::Part { upload: at.id.clone(), number });
        let finish = move || {
            if body.size == 0 {
                return Ok(None);
            }
            body.content.into_file(&blobs)?.finish(&label).map(Some)
        };
        self.noting(spawn_blocking(finish).await?.map_err(StoreError::from))
    }

    /// Ends an upload without an object.
    ///
    /// # Errors
    /// There is no such upload, or the index cannot be written.
    pub async fn abort_upload(&self, at: UploadAddress) -> Result<(), StoreError> {
        let mutation = move |tables: &mut Tables<'_>| {
            if tables.rows.upload(&at)?.is_none() {
                return Ok(Err(Refusal::NoSuchUpload));
            }
            tables.end_upload(&at).map(Ok)
        };
        self.writer().apply(mutation).await
    }

    /// Up to `limit` parts with numbers above `after`, and whether there are more.
    ///
    /// # Errors
    /// There is no such upload, or the index cannot be read.
    pub fn parts(
        &self,
        at: &UploadAddress,
        after: u32,
        limit: usize,
    ) -> Result<(Vec<(u32, PartRecord)>, bool), StoreError> {
        self.upload(at)?;
        let mut parts = self.noting(self.snapshot()?.rows().parts(&at.id, after, limit.saturating_add(1)))?;
        let more = parts.len() > limit;
        parts.truncate(limit);
        Ok((parts, more))
    }
}
