//! Multipart uploads under way: beginning, adding parts, aborting, finding.

use redb::ReadableTable;

use super::Store;
use super::error::{Refusal, StoreError};
use super::index::Tables;
use super::objects::Address;
use super::receive::Received;
use super::record::{ChecksumAlgorithm, Headers, PartRecord, UploadRecord, decode, encode};

/// Names an upload under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UploadAddress {
    pub object: Address,
    pub id: String,
}

impl UploadAddress {
    fn index_key(&self) -> (&str, &[u8], &str) {
        (&self.object.bucket, self.object.key.as_bytes(), &self.id)
    }
}

impl Tables<'_> {
    pub(super) fn upload(&self, at: &UploadAddress) -> Result<Option<UploadRecord>, StoreError> {
        Ok(self.uploads.get(at.index_key())?.map(|record| decode(record.value())).transpose()?)
    }

    /// All parts of an upload, by number.
    pub(super) fn parts(&self, id: &str) -> Result<Vec<(u32, PartRecord)>, StoreError> {
        let mut parts = Vec::new();
        for entry in self.parts.range((id, 0)..=(id, u32::MAX))? {
            let (key, record) = entry?;
            parts.push((key.value().1, decode(record.value())?));
        }
        Ok(parts)
    }

    /// Forgets an upload and its parts, not their blobs.
    pub(super) fn forget_upload(&mut self, at: &UploadAddress, parts: &[(u32, PartRecord)]) -> Result<(), StoreError> {
        self.uploads.remove(at.index_key())?;
        for (number, _) in parts {
            self.parts.remove((at.id.as_str(), *number))?;
        }
        Ok(())
    }
}

impl Store {
    /// Begins an upload and gives its id: unguessable, and later ones sort after earlier ones.
    pub(crate) async fn begin_upload(
        &self,
        object: Address,
        headers: Headers,
        algorithm: Option<ChecksumAlgorithm>,
        full_object: bool,
    ) -> Result<String, StoreError> {
        let initiated = self.now();
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(StoreError::Random)?;
        let id = format!("{initiated:012x}{:032x}", u128::from_be_bytes(random));
        let at = UploadAddress { object, id: id.clone() };
        let record = UploadRecord { initiated, algorithm, full_object, headers };
        let mutation = move |tables: &mut Tables<'_>| {
            if !tables.has_bucket(&at.object.bucket)? {
                return Ok(Err(Refusal::NoSuchBucket));
            }
            tables.uploads.insert(at.index_key(), encode(&record)?.as_slice())?;
            Ok(Ok(()))
        };
        self.writer().apply(mutation).await.map(|()| id)
    }

    /// The upload's record.
    pub(crate) fn upload(&self, at: &UploadAddress) -> Result<UploadRecord, StoreError> {
        self.bucket(&at.object.bucket)?;
        let record = self.snapshot()?.uploads()?.get(at.index_key())?;
        let record = record.ok_or(Refusal::NoSuchUpload)?;
        Ok(decode(record.value())?)
    }

    /// Adds a part, replacing one of the same number.
    pub(crate) async fn put_part(
        &self,
        at: UploadAddress,
        number: u32,
        received: Received,
    ) -> Result<PartRecord, StoreError> {
        let part = PartRecord {
            size: received.size,
            md5: received.md5,
            modified: self.now(),
            checksum: received.checksum.clone(),
            segments: received.segments(),
        };
        let mutation = move |tables: &mut Tables<'_>| {
            if tables.upload(&at)?.is_none() {
                return Ok(Err(Refusal::NoSuchUpload));
            }
            let old = tables.parts.insert((at.id.as_str(), number), encode(&part)?.as_slice())?;
            let old = old.map(|record| decode::<PartRecord>(record.value())).transpose()?;
            tables.discard(&old.map(|part| part.segments).unwrap_or_default());
            tables.after.published.extend(received.blob);
            Ok(Ok(part))
        };
        self.writer().apply(mutation).await
    }

    /// Ends an upload without an object.
    pub(crate) async fn abort_upload(&self, at: UploadAddress) -> Result<(), StoreError> {
        let mutation = move |tables: &mut Tables<'_>| {
            if tables.upload(&at)?.is_none() {
                return Ok(Err(Refusal::NoSuchUpload));
            }
            let parts = tables.parts(&at.id)?;
            tables.forget_upload(&at, &parts)?;
            parts.iter().for_each(|(_, part)| tables.discard(&part.segments));
            Ok(Ok(()))
        };
        self.writer().apply(mutation).await
    }

    /// Up to `limit` parts with numbers above `after`, and whether there are more.
    pub(crate) fn parts(
        &self,
        at: &UploadAddress,
        after: u32,
        limit: usize,
    ) -> Result<(Vec<(u32, PartRecord)>, bool), StoreError> {
        self.upload(at)?;
        let id = at.id.as_str();
        let mut parts = Vec::new();
        for entry in self.snapshot()?.parts()?.range((id, after.saturating_add(1))..=(id, u32::MAX))? {
            if parts.len() == limit {
                return Ok((parts, true));
            }
            let (key, record) = entry?;
            parts.push((key.value().1, decode(record.value())?));
        }
        Ok((parts, false))
    }
}
