//! Completing a multipart upload: the object takes over the parts' files, so no byte is copied.

use std::collections::BTreeMap;

use crate::address::UploadAddress;
use crate::condition::WriteCondition;
use crate::error::{Refusal, StoreError};
use crate::events::CreatedBy;
use crate::folder::Store;
use crate::objects::Described;
use crate::record::{ObjectHead, ObjectRecord, PartRecord, Place, UploadRecord};
use crate::tables::Tables;

/// S3's lower limit for all parts but the last, in bytes.
pub const MIN_PART_BYTES: u64 = 5 << 20;

/// A part as the completion names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPart {
    /// From 1.
    pub number: u32,
    /// Without quotes.
    pub etag: String,
}

impl Store {
    /// Makes the named parts an object at the upload's address if `condition` holds. Where it does not, the upload
    /// stays as it is. `describe` gives the ETag and the checksum of the whole from the upload and its parts, or refuses.
    ///
    /// # Errors
    /// There is no such upload, its parts are others, the condition does not hold, or the index cannot be written.
    pub async fn complete_upload(
        &self,
        at: UploadAddress,
        named: Vec<NamedPart>,
        condition: WriteCondition,
        describe: impl FnOnce(&UploadRecord, &[&PartRecord]) -> Result<Described, Refusal> + Send + 'static,
    ) -> Result<ObjectHead, StoreError> {
        let now = self.now();
        self.writer().apply(move |tables| tables.complete_upload(&at, &named, &condition, describe, now)).await
    }

    /// The object that a completed upload has become, as long as it is there.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn completed(&self, at: &UploadAddress) -> Result<Option<ObjectHead>, StoreError> {
        let head = self.noting(self.snapshot()?.rows().head(&at.object))?;
        Ok(head.filter(|head| head.upload.as_ref() == Some(&at.id)))
    }
}

impl Tables<'_> {
    fn complete_upload(
        &mut self,
        at: &UploadAddress,
        named: &[NamedPart],
        condition: &WriteCondition,
        describe: impl FnOnce(&UploadRecord, &[&PartRecord]) -> Result<Described, Refusal>,
        now: u64,
    ) -> Result<Result<ObjectHead, Refusal>, StoreError> {
        let Some(upload) = self.rows.upload(at)? else { return Ok(Err(Refusal::NoSuchUpload)) };
        let parts = self.parts(&at.id)?;
        let chosen = match choose(named, &parts) {
            Ok(chosen) => chosen,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let described = match describe(&upload, &chosen) {
            Ok(described) => described,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let record = assemble(at, upload, &chosen, described, now);
        let by = CreatedBy::CompleteMultipartUpload;
        // Empty parts alone make an empty object, which has no file.
        let place_is_empty = record.place.segments().is_empty();
        let record = if place_is_empty { ObjectRecord { place: Place::Inside, ..record } } else { record };
        if let Err(refusal) = self.put_object(&at.object, &record, None, condition, by)? {
            return Ok(Err(refusal));
        }
        self.label(&at.object, &record);
        self.rows.remove_upload(at)?;
        let left_out = parts.iter().filter(|(number, _)| !named.iter().any(|part| part.number == *number));
        left_out.for_each(|(_, part)| self.discard(&part.segments));
        Ok(Ok(record.head))
    }
}

/// The parts that are named, in order, all of them there and large enough.
fn choose<'p>(named: &[NamedPart], parts: &'p [(u32, PartRecord)]) -> Result<Vec<&'p PartRecord>, Refusal> {
    if named.is_empty() || !named.is_sorted_by(|a, b| a.number < b.number) {
        return Err(Refusal::InvalidPartOrder);
    }
    let by_number: BTreeMap<u32, &PartRecord> = parts.iter().map(|(number, part)| (*number, part)).collect();
    let find = |NamedPart { number, etag }: &NamedPart| {
        let part = by_number.get(number).filter(|part| part.etag == *etag);
        part.copied().ok_or(Refusal::InvalidPart { number: *number })
    };
    let chosen = named.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let all_but_last = named.iter().zip(&chosen).take(named.len() - 1);
    if let Some((named, part)) = all_but_last.into_iter().find(|(_, part)| part.size < MIN_PART_BYTES) {
        return Err(Refusal::EntityTooSmall { number: named.number, size: part.size });
    }
    Ok(chosen)
}

/// The object that an upload becomes.
pub(crate) fn assemble(
    at: &UploadAddress,
    upload: UploadRecord,
    chosen: &[&PartRecord],
    described: Described,
    now: u64,
) -> ObjectRecord {
    let Described { etag, checksum, .. } = described;
    let (size, by, headers) = (chosen.iter().map(|part| part.size).sum(), Some(at.id.clone()), upload.headers);
    let head = ObjectHead { size, etag, modified: now, sha256: None, checksum, upload: by, headers };
    let segments = chosen.iter().flat_map(|part| part.segments.iter().copied()).collect();
    ObjectRecord { head, place: Place::Files(segments) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(size: u64) -> PartRecord {
        PartRecord { size, etag: "e".into(), modified: 0, checksum: None, segments: Vec::new() }
    }

    fn named(numbers: &[u32]) -> Vec<NamedPart> {
        numbers.iter().map(|&number| NamedPart { number, etag: "e".into() }).collect()
    }

    #[test]
    fn parts_are_chosen_in_order_and_checked() {
        let small = Refusal::EntityTooSmall { number: 1, size: MIN_PART_BYTES - 1 };
        let cases: [(&str, &[u32], u64, Option<Refusal>); 7] = [
            ("all", &[1, 2], MIN_PART_BYTES, None),
            ("a small part last", &[2], 1, None),
            ("a small part first", &[1, 2], MIN_PART_BYTES - 1, Some(small)),
            ("none", &[], MIN_PART_BYTES, Some(Refusal::InvalidPartOrder)),
            ("twice the same", &[1, 1], MIN_PART_BYTES, Some(Refusal::InvalidPartOrder)),
            ("descending", &[2, 1], MIN_PART_BYTES, Some(Refusal::InvalidPartOrder)),
            ("unknown", &[1, 3], MIN_PART_BYTES, Some(Refusal::InvalidPart { number: 3 })),
        ];
        for (case, numbers, size, refusal) in cases {
            let parts = [(1, part(size)), (2, part(1))];
            assert_eq!(choose(&named(numbers), &parts).err(), refusal, "{case}");
        }
    }
}
