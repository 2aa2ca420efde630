//! What is kept about a bucket, an object, an upload and a part: JSON in the index, so that any SQLite shell shows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::blob_id::BlobId;
use crate::rule::LifecycleRule;

/// A SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(#[serde(with = "hex")] pub [u8; 32]);

impl Digest {
    /// That of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// Bytes of an object or part that are in a file: a stretch of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub blob: BlobId,
    /// In bytes, never zero.
    pub len: u64,
    pub sha256: Digest,
}

/// The checksum algorithms of `x-amz-checksum-*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumAlgorithm {
    /// CRC-32.
    Crc32,
    /// CRC-32C.
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// A checksum that was verified when the bytes arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// How it was made.
    pub algorithm: ChecksumAlgorithm,
    /// Raw digest, not base64.
    #[serde(with = "hex")]
    pub digest: Vec<u8>,
    /// Above zero where the digest is one over the parts' digests.
    pub parts: u16,
}

/// The headers that are stored with an object and given back as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the header of its name")]
pub struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// `x-amz-meta-*` without the prefix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// What a listing or a HEAD needs to know of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectHead {
    /// In bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// Milliseconds since 1970.
    pub modified: u64,
    /// Of an object that came in one piece.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<Digest>,
    /// What the sender asked for besides.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checksum: Option<Checksum>,
    /// The multipart upload that has become it: to complete that once more changes nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub upload: Option<String>,
    /// Given back with it.
    #[serde(default)]
    pub headers: Headers,
}

/// Where the bytes of an object are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the index, beside the record. Empty objects, too.
    Inside,
    /// In files, one after the other.
    Files(Vec<Segment>),
}

impl Place {
    pub(crate) fn segments(&self) -> &[Segment] {
        match self {
            Self::Inside => &[],
            Self::Files(segments) => segments,
        }
    }
}

/// An object: its head, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectRecord {
    pub head: ObjectHead,
    pub place: Place,
}

impl ObjectRecord {
    /// That of an object whose key says everything.
    pub(crate) fn empty(modified: u64) -> Self {
        let (etag, sha256) = (EMPTY_MD5.to_owned(), Some(Digest::of(b"")));
        let head =
            ObjectHead { size: 0, etag, modified, sha256, checksum: None, headers: Headers::default(), upload: None };
        Self { head, place: Place::Inside }
    }
}

/// What S3 has for an ETag of no bytes.
const EMPTY_MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// A bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BucketRecord {
    /// Milliseconds since 1970.
    pub created: u64,
    /// Its CORS configuration, as it was given; the store does not read it.
    pub cors: Option<String>,
    /// Its lifecycle configuration, as it was given; the store does not read it.
    pub lifecycle: Option<String>,
    /// The rules of that configuration.
    pub rules: Vec<LifecycleRule>,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRecord {
    /// Milliseconds since 1970.
    pub initiated: u64,
    /// The checksum that was asked for.
    pub algorithm: Option<ChecksumAlgorithm>,
    /// The checksum of the whole object was asked for rather than one over the parts.
    pub full_object: bool,
    /// Those of the object that it becomes.
    pub headers: Headers,
    /// Bytes of the object that it becomes, where it grows at its end alone; `None` where its sender numbers the parts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whole: Option<u64>,
}

/// One uploaded part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// In bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// Milliseconds since 1970.
    pub modified: u64,
    /// The part's own.
    pub checksum: Option<Checksum>,
    pub(crate) segments: Vec<Segment>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_encoding() {
        let metadata = [("name".to_owned(), "سلام \u{0} \u{10ffff}".to_owned())].into();
        let checksum = Checksum { algorithm: ChecksumAlgorithm::Sha1, digest: vec![0, 255], parts: 2 };
        let head = ObjectHead {
            size: u64::MAX >> 1,
            etag: "ab-2".into(),
            modified: 1_700_000_000_000,
            sha256: Some(Digest::of(b"x")),
            checksum: Some(checksum),
            upload: Some("id".into()),
            headers: Headers { content_type: Some("a/b".into()), metadata, ..Headers::default() },
        };
        let json = serde_json::to_string(&head).unwrap();
        assert_eq!(serde_json::from_str::<ObjectHead>(&json).unwrap(), head);
        let of_old = json.replace(r#""upload":"id","#, "");
        assert_ne!(of_old, json);
        assert_eq!(serde_json::from_str::<ObjectHead>(&of_old).unwrap(), ObjectHead { upload: None, ..head });
    }
}
