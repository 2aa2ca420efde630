//! Completing a multipart upload: the object takes over the parts' blobs, so no byte is copied.

use std::collections::BTreeMap;

use super::Store;
use super::error::{Refusal, StoreError};
use super::events::CreatedBy;
use super::index::Tables;
use super::objects::WriteCondition;
use super::receive::{digest, md5};
use super::record::{Checksum, EntityTag, ObjectHead, ObjectRecord, PartRecord, UploadRecord};
use super::uploads::UploadAddress;

/// S3's lower limit for all parts but the last, in bytes.
pub(crate) const MIN_PART_BYTES: u64 = 5 << 20;

/// A part as the completion names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPart {
    pub number: u32,
    /// Without quotes.
    pub etag: String,
}

impl Store {
    /// Makes the named parts an object at the upload's address if `condition` holds. Where it does not, the upload
    /// stays as it is.
    pub(crate) async fn complete_upload(
        &self,
        at: UploadAddress,
        named: Vec<NamedPart>,
        condition: WriteCondition,
    ) -> Result<ObjectHead, StoreError> {
        let now = self.now();
        self.writer().apply(move |tables| tables.complete_upload(&at, &named, &condition, now)).await
    }
}

impl Tables<'_> {
    fn complete_upload(
        &mut self,
        at: &UploadAddress,
        named: &[NamedPart],
        condition: &WriteCondition,
        now: u64,
    ) -> Result<Result<ObjectHead, Refusal>, StoreError> {
        let Some(upload) = self.upload(at)? else { return Ok(Err(Refusal::NoSuchUpload)) };
        let parts = self.parts(&at.id)?;
        let chosen = match choose(named, &parts) {
            Ok(chosen) => chosen,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let record = assemble(upload, &chosen, now);
        if let Err(refusal) = self.put_object(&at.object, &record, condition, CreatedBy::CompleteMultipartUpload)? {
            return Ok(Err(refusal));
        }
        self.forget_upload(at, &parts)?;
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
        let part = by_number.get(number).filter(|part| etag_of(part) == *etag);
        part.copied().ok_or(Refusal::InvalidPart { number: *number })
    };
    let chosen = named.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let all_but_last = named.iter().zip(&chosen).take(named.len() - 1);
    if let Some((named, part)) = all_but_last.into_iter().find(|(_, part)| part.size < MIN_PART_BYTES) {
        return Err(Refusal::EntityTooSmall { number: named.number, size: part.size });
    }
    Ok(chosen)
}

fn etag_of(part: &PartRecord) -> String {
    EntityTag { md5: part.md5, parts: 0 }.to_string()
}

fn assemble(upload: UploadRecord, chosen: &[&PartRecord], now: u64) -> ObjectRecord {
    let md5s: Vec<u8> = chosen.iter().flat_map(|part| part.md5).collect();
    // S3 and the API layer allow part numbers up to 10,000.
    let parts = u16::try_from(chosen.len()).unwrap_or(u16::MAX);
    let head = ObjectHead {
        size: chosen.iter().map(|part| part.size).sum(),
        etag: EntityTag { md5: md5(&md5s), parts },
        modified: now,
        checksum: composite(&upload, chosen, parts),
        headers: upload.headers,
    };
    ObjectRecord { head, segments: chosen.iter().flat_map(|part| part.segments.iter().copied()).collect() }
}

/// The checksum over the parts' checksums, where the upload asked for one and every part has it.
fn composite(upload: &UploadRecord, chosen: &[&PartRecord], parts: u16) -> Option<Checksum> {
    let algorithm = upload.algorithm.filter(|_| !upload.full_object)?;
    let mut digests = Vec::new();
    for part in chosen {
        let checksum = part.checksum.as_ref().filter(|checksum| checksum.algorithm == algorithm)?;
        digests.extend_from_slice(&checksum.digest);
    }
    Some(Checksum { algorithm, digest: digest(algorithm, &digests), parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(size: u64) -> PartRecord {
        PartRecord { size, md5: [1; 16], modified: 0, checksum: None, segments: Vec::new() }
    }

    fn named(numbers: &[u32]) -> Vec<NamedPart> {
        numbers.iter().map(|&number| NamedPart { number, etag: etag_of(&part(0)) }).collect()
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
