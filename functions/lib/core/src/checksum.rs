//! `Upload-Checksum`: what a client says of one chunk.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What `Tus-Checksum-Algorithm` says.
pub const ALGORITHMS: &str = "sha1,sha256";

/// Why a chunk's checksum is none, or not the chunk's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// Not the digest of an algorithm.
    #[error("the Upload-Checksum header is not an algorithm and its digest in base64")]
    Malformed,
    /// Neither SHA-1 nor SHA-256.
    #[error("the algorithm in Upload-Checksum is neither sha1 nor sha256")]
    Algorithm,
    /// The chunk is not what was sent.
    #[error("the chunk does not have the announced checksum; nothing of it was kept, send it again")]
    Mismatch,
}

/// The digest that a chunk must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// `sha1`, which every tus server has.
    Sha1([u8; 20]),
    /// `sha256`.
    Sha256([u8; 32]),
}

impl Checksum {
    /// Reads the header: an algorithm, a space, a digest in base64.
    ///
    /// # Errors
    /// [`ChecksumError::Algorithm`]; [`ChecksumError::Malformed`] where the digest is not one of that algorithm.
    pub fn parse(header: &str) -> Result<Self, ChecksumError> {
        let (algorithm, digest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        let digest = BASE64_STANDARD.decode(digest.trim()).unwrap_or_default();
        let checksum = match algorithm {
            "sha1" => digest.try_into().ok().map(Self::Sha1),
            "sha256" => digest.try_into().ok().map(Self::Sha256),
            _ => return Err(ChecksumError::Algorithm),
        };
        checksum.ok_or(ChecksumError::Malformed)
    }

    /// Checks a chunk.
    ///
    /// # Errors
    /// [`ChecksumError::Mismatch`].
    pub fn check(self, chunk: &[u8]) -> Result<(), ChecksumError> {
        let mut checking = Checking::of(self);
        checking.update(chunk);
        checking.finish()
    }
}

/// A chunk that is checked piece by piece: what has come of it, and the digest that it must have.
#[derive(Debug, Clone)]
pub enum Checking {
    /// `sha1`.
    Sha1(Sha1, [u8; 20]),
    /// `sha256`.
    Sha256(Sha256, [u8; 32]),
}

impl Checking {
    /// Begins with nothing of the chunk.
    #[must_use]
    pub fn of(checksum: Checksum) -> Self {
        match checksum {
            Checksum::Sha1(digest) => Self::Sha1(Sha1::new(), digest),
            Checksum::Sha256(digest) => Self::Sha256(Sha256::new(), digest),
        }
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha1(hasher, _) => hasher.update(piece),
            Self::Sha256(hasher, _) => hasher.update(piece),
        }
    }

    /// Compares.
    ///
    /// # Errors
    /// [`ChecksumError::Mismatch`].
    pub fn finish(self) -> Result<(), ChecksumError> {
        let fits = match self {
            Self::Sha1(hasher, digest) => hasher.finalize().as_slice() == digest,
            Self::Sha256(hasher, digest) => hasher.finalize().as_slice() == digest,
        };
        if fits { Ok(()) } else { Err(ChecksumError::Mismatch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_the_announced_checksum_or_is_refused() {
        // The protocol's own example, and printf 'hello world' | openssl dgst -sha256 -binary | base64
        let sha256 = "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
        for header in ["sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", sha256] {
            let checksum = Checksum::parse(header).unwrap();
            assert_eq!(checksum.check(b"hello world"), Ok(()), "{header}");
            assert_eq!(checksum.check(b"hello World"), Err(ChecksumError::Mismatch), "{header}");
            let mut checking = Checking::of(checksum);
            for piece in [&b"hello"[..], b"", b" world"] {
                checking.update(piece);
            }
            assert_eq!(checking.finish(), Ok(()), "{header}, in pieces");
        }
    }

    #[test]
    fn other_algorithms_and_unreadable_digests_are_told_apart() {
        for unknown in ["md5 XrY7u+Ae7tCTyyK7j1rNww==", "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "", "crc32"] {
            assert_eq!(Checksum::parse(unknown), Err(ChecksumError::Algorithm), "{unknown}");
        }
        for malformed in ["sha1", "sha1 ", "sha1 ?", "sha1 Kq5s", "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0="] {
            assert_eq!(Checksum::parse(malformed), Err(ChecksumError::Malformed), "{malformed}");
        }
    }
}
