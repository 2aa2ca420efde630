//! The digests of a body that S3's clients send and get: MD5, which is the ETag, and one checksum of their choice.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crc_fast::CrcAlgorithm;
use s3s::TrailingHeaders;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use satchel_folder::{Checksum, ChecksumAlgorithm, Described, Observer, PartRecord, Refusal, UploadRecord};

/// All algorithms.
pub(super) const ALGORITHMS: [ChecksumAlgorithm; 5] = [
    ChecksumAlgorithm::Crc32,
    ChecksumAlgorithm::Crc32c,
    ChecksumAlgorithm::Crc64Nvme,
    ChecksumAlgorithm::Sha1,
    ChecksumAlgorithm::Sha256,
];

/// The header or trailer that carries a checksum.
pub(super) fn header_of(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "x-amz-checksum-crc32",
        ChecksumAlgorithm::Crc32c => "x-amz-checksum-crc32c",
        ChecksumAlgorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
        ChecksumAlgorithm::Sha1 => "x-amz-checksum-sha1",
        ChecksumAlgorithm::Sha256 => "x-amz-checksum-sha256",
    }
}

/// What the sender announced about the body.
#[derive(Default)]
pub(super) struct Announced {
    /// In bytes; the body must have exactly so many.
    pub length: u64,
    /// `Content-MD5`, base64.
    pub md5: Option<String>,
    /// The algorithm to compute, and the digest where it came as a header (base64).
    pub checksum: Option<(ChecksumAlgorithm, Option<String>)>,
    /// Where the digest follows the body.
    pub trailers: Option<TrailingHeaders>,
}

/// Makes the digests while the body passes.
pub(super) struct Digests {
    md5: Md5,
    hasher: Option<(ChecksumAlgorithm, Hasher)>,
}

impl Observer for Digests {
    fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        if let Some((_, hasher)) = &mut self.hasher {
            hasher.update(bytes);
        }
    }
}

impl Digests {
    /// Those that were asked for.
    pub(super) fn of(announced: &Announced) -> Self {
        let algorithm = announced.checksum.as_ref().map(|(algorithm, _)| *algorithm);
        Self { md5: Md5::new(), hasher: algorithm.map(|algorithm| (algorithm, Hasher::new(algorithm))) }
    }

    /// What is stored with the body, if it is the one that was announced.
    pub(super) fn check(self, announced: &Announced) -> Result<Described, Refusal> {
        let md5 = self.md5.finalize();
        if let Some(expected) = &announced.md5 {
            verify("content-md5", expected, &md5)?;
        }
        let checksum = match self.hasher {
            Some((algorithm, hasher)) => Some(announced.verify_checksum(algorithm, hasher.finalize())?),
            None => None,
        };
        Ok(Described { etag: hex::encode(md5), checksum, ..Described::default() })
    }
}

/// Hashers of the algorithms, one of which may run beside MD5.
enum Hasher {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64Nvme(Crc64Nvme),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    fn new(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm {
            ChecksumAlgorithm::Crc32 => Self::Crc32(Crc32::new()),
            ChecksumAlgorithm::Crc32c => Self::Crc32c(Crc32c::new()),
            ChecksumAlgorithm::Crc64Nvme => Self::Crc64Nvme(Crc64Nvme::new()),
            ChecksumAlgorithm::Sha1 => Self::Sha1(Sha1::new()),
            ChecksumAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(bytes),
            Self::Crc32c(hasher) => hasher.update(bytes),
            Self::Crc64Nvme(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    fn finalize(self) -> Vec<u8> {
        match self {
            Self::Crc32(hasher) => hasher.finalize().to_vec(),
            Self::Crc32c(hasher) => hasher.finalize().to_vec(),
            Self::Crc64Nvme(hasher) => hasher.finalize().to_vec(),
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
        }
    }
}

impl Announced {
    fn verify_checksum(&self, algorithm: ChecksumAlgorithm, digest: Vec<u8>) -> Result<Checksum, Refusal> {
        let header = header_of(algorithm);
        let in_header = self.checksum.as_ref().and_then(|(_, expected)| expected.clone());
        let in_trailer = || {
            let trailers = self.trailers.as_ref()?;
            trailers.read(|headers| headers.get(header)?.to_str().ok().map(str::to_owned)).flatten()
        };
        let Some(expected) = in_header.or_else(in_trailer) else {
            // A checksum was promised for the end of the body, and the body ended without.
            return Err(Refusal::InvalidDigest { digest: header });
        };
        verify(header, &expected, &digest)?;
        Ok(Checksum { algorithm, digest, parts: 0 })
    }
}

pub(super) fn verify(name: &'static str, expected: &str, actual: &[u8]) -> Result<(), Refusal> {
    let decoded = BASE64_STANDARD.decode(expected).map_err(|_| Refusal::InvalidDigest { digest: name })?;
    if decoded.len() != actual.len() {
        return Err(Refusal::InvalidDigest { digest: name });
    }
    if decoded != actual {
        return Err(Refusal::BadDigest { digest: name });
    }
    Ok(())
}

/// The ETag of an object made of parts, and its checksum where the upload asked for one and every part has it: that of the
/// whole, or one over the parts' checksums.
pub(super) fn of_parts(upload: &UploadRecord, parts: &[&PartRecord]) -> Described {
    let etag = etag_of_parts(parts.iter().map(|part| part.etag.as_str()));
    let checksum = if upload.full_object { whole(upload, parts) } else { composite(upload, parts) };
    Described { etag, checksum, ..Described::default() }
}

/// The MD5 of the parts' MD5s, and their number (AWS: "Checking object integrity").
pub(super) fn etag_of_parts<'e>(etags: impl Iterator<Item = &'e str>) -> String {
    let (mut md5, mut count) = (Md5::new(), 0);
    for etag in etags {
        // What is no digest in hex is no part's.
        md5.update(&hex::decode(etag).unwrap_or_default());
        count += 1;
    }
    format!("{}-{count}", hex::encode(md5.finalize()))
}

/// CRCs of parts make the CRC of the whole; other digests do not.
fn whole(upload: &UploadRecord, parts: &[&PartRecord]) -> Option<Checksum> {
    let algorithm = upload.algorithm?;
    let (crc, bytes) = crc_of(algorithm)?;
    let mut combined: Option<u64> = None;
    for part in parts {
        let own = part.checksum.as_ref().filter(|checksum| checksum.algorithm == algorithm)?;
        let own = own.digest.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        combined = Some(combined.map_or(own, |before| crc_fast::checksum_combine(crc, before, own, part.size)));
    }
    Some(Checksum { algorithm, digest: combined?.to_be_bytes()[8 - bytes..].to_vec(), parts: 0 })
}

/// The CRC and its length in bytes; `None` where it is another digest.
pub(super) fn crc_of(algorithm: ChecksumAlgorithm) -> Option<(CrcAlgorithm, usize)> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => Some((CrcAlgorithm::Crc32IsoHdlc, 4)),
        ChecksumAlgorithm::Crc32c => Some((CrcAlgorithm::Crc32Iscsi, 4)),
        ChecksumAlgorithm::Crc64Nvme => Some((CrcAlgorithm::Crc64Nvme, 8)),
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => None,
    }
}

fn composite(upload: &UploadRecord, parts: &[&PartRecord]) -> Option<Checksum> {
    let algorithm = upload.algorithm?;
    let mut hasher = Hasher::new(algorithm);
    for part in parts {
        let checksum = part.checksum.as_ref().filter(|checksum| checksum.algorithm == algorithm)?;
        hasher.update(&checksum.digest);
    }
    // S3 and the API allow part numbers up to 10,000.
    Some(Checksum { algorithm, digest: hasher.finalize(), parts: u16::try_from(parts.len()).unwrap_or(u16::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use satchel_folder::Headers;

    #[test]
    fn the_etag_of_parts_is_made_of_theirs() {
        let upload = UploadRecord {
            initiated: 0,
            algorithm: None,
            full_object: false,
            headers: Headers::default(),
            whole: None,
        };
        let described = of_parts(&upload, &[]);
        assert_eq!(described.etag, "d41d8cd98f00b204e9800998ecf8427e-0");
        let part = hex::encode(Md5::checksum(b"hello"));
        assert_eq!(etag_of_parts([part.as_str(), &part].into_iter()), "616b22817b80eed9f65c3aa38cd29054-2");
    }
}
