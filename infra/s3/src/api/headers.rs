//! Headers and metadata between s3s's inputs, the index's records and s3s's outputs.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use s3s::dto::{ETag, Metadata, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use satchel_folder::{Checksum, ChecksumAlgorithm, Headers};

/// S3's limit on user metadata: names and values together, in bytes.
const MAX_METADATA_BYTES: usize = 2048;
/// What S3 stores where no type came.
const DEFAULT_TYPE: &str = "binary/octet-stream";

/// Takes the stored headers from a request's raw headers, so that they are given back as they came. `aws-chunked`
/// describes the transfer and is not stored.
pub(crate) fn stored(headers: &HeaderMap, metadata: Option<Metadata>) -> S3Result<Headers> {
    let text = |name: &str| headers.get(name)?.to_str().ok().filter(|text| !text.is_empty()).map(str::to_owned);
    let metadata: BTreeMap<String, String> = metadata.unwrap_or_default().into_iter().collect();
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_METADATA_BYTES {
        return Err(s3_error!(MetadataTooLarge, "{size} bytes of metadata; {MAX_METADATA_BYTES} are allowed"));
    }
    Ok(Headers {
        content_type: Some(text("content-type").unwrap_or_else(|| DEFAULT_TYPE.to_owned())),
        content_disposition: text("content-disposition"),
        content_encoding: text("content-encoding").and_then(|encoding| without_chunking(&encoding)),
        content_language: text("content-language"),
        cache_control: text("cache-control"),
        expires: text("expires"),
        metadata,
    })
}

fn without_chunking(encoding: &str) -> Option<String> {
    let kept: Vec<_> = encoding.split(',').map(str::trim).filter(|coding| *coding != "aws-chunked").collect();
    Some(kept.join(", ")).filter(|encoding| !encoding.is_empty())
}

/// As s3s wants it.
pub(crate) fn etag(tag: &str) -> ETag {
    ETag::Strong(tag.to_owned())
}

/// From milliseconds since 1970.
pub(crate) fn timestamp(milliseconds: u64) -> Timestamp {
    (UNIX_EPOCH + Duration::from_millis(milliseconds)).into()
}

/// A checksum as it is sent: base64, and the number of parts where it is one over parts.
pub(crate) fn checksum_text(checksum: &Checksum) -> String {
    let digest = BASE64_STANDARD.encode(&checksum.digest);
    if checksum.parts > 0 { format!("{digest}-{}", checksum.parts) } else { digest }
}

/// Sets the one of s3s's five checksum fields that `$checksum` (an `Option<&Checksum>`) belongs in.
macro_rules! set_checksum {
    ($output:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            use satchel_folder::ChecksumAlgorithm;
            let text = Some($crate::api::headers::checksum_text(checksum));
            match checksum.algorithm {
                ChecksumAlgorithm::Crc32 => $output.checksum_crc32 = text,
                ChecksumAlgorithm::Crc32c => $output.checksum_crc32c = text,
                ChecksumAlgorithm::Crc64Nvme => $output.checksum_crc64nvme = text,
                ChecksumAlgorithm::Sha1 => $output.checksum_sha1 = text,
                ChecksumAlgorithm::Sha256 => $output.checksum_sha256 = text,
            }
        }
    };
}
pub(crate) use set_checksum;

/// The algorithm of `x-amz-checksum-algorithm`.
pub(crate) fn algorithm(name: &str) -> S3Result<ChecksumAlgorithm> {
    match name {
        "CRC32" => Ok(ChecksumAlgorithm::Crc32),
        "CRC32C" => Ok(ChecksumAlgorithm::Crc32c),
        "CRC64NVME" => Ok(ChecksumAlgorithm::Crc64Nvme),
        "SHA1" => Ok(ChecksumAlgorithm::Sha1),
        "SHA256" => Ok(ChecksumAlgorithm::Sha256),
        _ => Err(s3_error!(InvalidRequest, "unknown checksum algorithm")),
    }
}

/// Sizes as S3's types have them.
pub(crate) fn signed(size: u64) -> S3Result<i64> {
    i64::try_from(size).map_err(S3Error::internal_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_chunked_is_not_stored_as_an_encoding() {
        for (sent, stored) in [
            ("aws-chunked", None),
            ("gzip", Some("gzip")),
            ("gzip,aws-chunked", Some("gzip")),
            ("aws-chunked, gzip, br", Some("gzip, br")),
        ] {
            assert_eq!(without_chunking(sent).as_deref(), stored, "{sent}");
        }
    }

    #[test]
    fn metadata_is_limited_to_two_kibibytes() {
        let stored = |length| stored(&HeaderMap::new(), Some(Metadata::from([("a".into(), "x".repeat(length))])));
        assert!(stored(2047).is_ok());
        assert!(stored(2048).is_err());
    }
}
