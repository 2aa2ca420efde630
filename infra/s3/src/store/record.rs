//! The index's records: what is kept about a bucket, an object, an upload and a part.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::blobs::BlobId;

/// First byte of every record, so that a later layout can tell the old one.
const VERSION: u8 = 1;

/// Bytes of an object or part: where a stretch of them lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub blob: BlobId,
    /// In bytes, never zero.
    pub len: u64,
}

/// An ETag as S3 makes it: an MD5, and for multipart objects the number of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntityTag {
    pub md5: [u8; 16],
    /// Zero for objects stored in one piece.
    pub parts: u16,
}

impl std::fmt::Display for EntityTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.md5.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        if self.parts > 0 {
            write!(f, "-{}", self.parts)?;
        }
        Ok(())
    }
}

/// The checksum algorithms of `x-amz-checksum-*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChecksumAlgorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// A checksum that was verified when the bytes arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub algorithm: ChecksumAlgorithm,
    /// Raw digest, not base64.
    pub digest: Vec<u8>,
    /// Above zero where the digest is one over the parts' digests.
    pub parts: u16,
}

/// The headers S3 stores with an object and gives back as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Headers {
    pub content_type: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub cache_control: Option<String>,
    pub expires: Option<String>,
    /// `x-amz-meta-*` without the prefix.
    pub metadata: BTreeMap<String, String>,
}

/// What a listing or a HEAD needs; the start of an [`ObjectRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectHead {
    /// In bytes.
    pub size: u64,
    pub etag: EntityTag,
    /// Milliseconds since 1970.
    pub modified: u64,
    pub checksum: Option<Checksum>,
    pub headers: Headers,
}

/// An object: its head, and where its bytes lie. The head comes first so that it can be read alone: an object of
/// 10,000 parts has a record of some hundred kilobytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectRecord {
    pub head: ObjectHead,
    pub segments: Vec<Segment>,
}

/// A bucket. The configurations are JSON of s3s's types, kept as given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    /// Milliseconds since 1970.
    pub created: u64,
    pub cors: Option<String>,
    pub lifecycle: Option<String>,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    /// Milliseconds since 1970.
    pub initiated: u64,
    pub algorithm: Option<ChecksumAlgorithm>,
    /// The checksum of the whole object was asked for rather than one over the parts.
    pub full_object: bool,
    pub headers: Headers,
}

/// One uploaded part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    /// In bytes.
    pub size: u64,
    pub md5: [u8; 16],
    /// Milliseconds since 1970.
    pub modified: u64,
    pub checksum: Option<Checksum>,
    pub segments: Vec<Segment>,
}

/// Encodes a record for the index.
pub(crate) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_extend(record, vec![VERSION])
}

/// Decodes a record, or the leading field of one. Refuses records of another version.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, postcard::Error> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::take_from_bytes(rest).map(|(record, _)| record),
        _ => Err(postcard::Error::DeserializeBadEncoding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ObjectRecord {
        ObjectRecord {
            head: ObjectHead {
                size: 7,
                etag: EntityTag { md5: [0xab; 16], parts: 2 },
                modified: 1_700_000_000_000,
                checksum: None,
                headers: Headers::default(),
            },
            segments: vec![Segment { blob: BlobId { generation: 1, sequence: 9 }, len: 7 }],
        }
    }

    #[test]
    fn a_record_survives_its_encoding() {
        let bytes = encode(&record()).unwrap();
        assert_eq!(decode::<ObjectRecord>(&bytes).unwrap(), record());
    }

    #[test]
    fn a_head_can_be_read_without_the_segments() {
        let bytes = encode(&record()).unwrap();
        assert_eq!(decode::<ObjectHead>(&bytes).unwrap(), record().head);
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = encode(&record()).unwrap();
        bytes[0] = 2;
        assert!(decode::<ObjectRecord>(&bytes).is_err());
    }

    #[test]
    fn an_etag_of_parts_ends_in_their_number() {
        let etag = EntityTag { md5: [0; 16], parts: 12 };
        assert_eq!(etag.to_string(), "00000000000000000000000000000000-12");
    }
}
