//! Every way in which a resumable upload is refused, and the one table that says how that is answered.

use http::StatusCode;
use satchel_core::{
    checksum::ChecksumError,
    outcome::{Failure, Field, reason},
    problem::Problem,
    put::PutRefusal,
    upload_metadata::UploadMetadataError,
};

/// Why a request of the tus protocol is refused. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResumeRefusal {
    /// The token allows no such upload (creation only).
    #[error(transparent)]
    Token(#[from] PutRefusal),
    /// No `Tus-Resumable: 1.0.0`.
    #[error("the Tus-Resumable header does not name version 1.0.0 of the tus protocol, the only one here")]
    Version,
    /// A header that is missing where it is needed, or cannot be read.
    #[error("the {header} header is not {expected}")]
    Header {
        /// Its name.
        header: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A token is for one size, so there is no upload without one.
    #[error("the length cannot be deferred here, as upload tokens are for one size; send Upload-Length")]
    LengthDeferred,
    /// Parts of a file that are uploaded side by side.
    #[error("the concatenation extension is not offered here; send the file as one upload")]
    Concatenation,
    /// An `Upload-Metadata` that is none, or too long.
    #[error(transparent)]
    Metadata(#[from] UploadMetadataError),
    /// An `Upload-Checksum` that is none, or not the chunk's.
    #[error(transparent)]
    Checksum(#[from] ChecksumError),
    /// Not the media type of chunks.
    #[error("a chunk has the Content-Type application/offset+octet-stream and no other")]
    ChunkType,
    /// The chunk is shorter or longer than Content-Length.
    #[error("the chunk has {actual} bytes, {announced} were announced; nothing of it was kept, send it again")]
    ChunkLength {
        /// Bytes the header says.
        announced: u64,
        /// Bytes there are.
        actual: u64,
    },
    /// The chunk goes beyond the end of the upload.
    #[error("the chunk goes beyond the {length} bytes of this upload; ask with HEAD and go on from there")]
    TooLong {
        /// Bytes of the whole upload.
        length: u64,
    },
    /// Not where the upload is.
    #[error("the upload is at offset {offset}, the request at {announced}; ask with HEAD and go on from there")]
    OffsetMismatch {
        /// Bytes there are.
        offset: u64,
        /// What the request says.
        announced: u64,
    },
    /// Another request was faster.
    #[error(
        "another request has changed this upload at the same moment; ask with HEAD and go on from there, or begin again"
    )]
    Overtaken,
    /// A stored file is never overwritten.
    #[error("there is a file at this address already; ask for a new slot")]
    Exists,
    /// No signed id, or one that is not for this path.
    #[error("there is no such upload: the address is not one that this server gave out; begin again with POST")]
    Unknown,
    /// Past `Upload-Expires`.
    #[error("the upload has expired; begin again with POST")]
    Expired,
    /// Ended, or swept away.
    #[error("the upload is gone, as it was ended or another took its place; begin again with POST")]
    Gone,
}

impl ResumeRefusal {
    /// A header that is no whole number.
    #[must_use]
    pub const fn not_a_number(header: &'static str) -> Self {
        Self::Header { header, expected: "a whole number of bytes" }
    }
}

impl Failure for ResumeRefusal {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Token(refusal) => return refusal.problem(),
            Self::Version => (StatusCode::PRECONDITION_FAILED, "tus_version"),
            Self::Header { .. } => (StatusCode::BAD_REQUEST, "tus_header_malformed"),
            Self::LengthDeferred => (StatusCode::BAD_REQUEST, "length_deferred"),
            Self::Concatenation => (StatusCode::BAD_REQUEST, "concatenation_unsupported"),
            Self::Metadata(UploadMetadataError::TooLong) => (StatusCode::BAD_REQUEST, "upload_metadata_too_long"),
            Self::Checksum(ChecksumError::Algorithm) => (StatusCode::BAD_REQUEST, "checksum_algorithm"),
            Self::Checksum(ChecksumError::Mismatch) => (checksum_mismatch(), "checksum_mismatch"),
            Self::Metadata(UploadMetadataError::Malformed) | Self::Checksum(ChecksumError::Malformed) => {
                (StatusCode::BAD_REQUEST, "tus_header_malformed")
            }
            Self::ChunkType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "chunk_type"),
            Self::ChunkLength { .. } => (StatusCode::BAD_REQUEST, "body_incomplete"),
            Self::TooLong { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "chunk_too_long"),
            Self::OffsetMismatch { .. } => (StatusCode::CONFLICT, "offset_mismatch"),
            Self::Overtaken => (StatusCode::CONFLICT, "upload_overtaken"),
            Self::Exists => (StatusCode::CONFLICT, "file_exists"),
            Self::Unknown => (StatusCode::NOT_FOUND, "upload_unknown"),
            Self::Expired => (StatusCode::GONE, "upload_expired"),
            Self::Gone => (StatusCode::GONE, "upload_gone"),
        };
        Problem::new(status, code, self.to_string())
    }

    fn fields(&self) -> Vec<Field> {
        match self {
            Self::Token(refusal) => refusal.fields(),
            other => reason(other),
        }
    }
}

/// tus's own status, "460 Checksum Mismatch".
fn checksum_mismatch() -> StatusCode {
    StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_status_and_code() {
        use ResumeRefusal::*;
        let table = [
            (Token(PutRefusal::TooLarge { max_size: 1 }), 413, "file_too_large"),
            (Token(PutRefusal::SlotMismatch), 400, "slot_mismatch"),
            (Version, 412, "tus_version"),
            (ResumeRefusal::not_a_number("Upload-Offset"), 400, "tus_header_malformed"),
            (LengthDeferred, 400, "length_deferred"),
            (Concatenation, 400, "concatenation_unsupported"),
            (Metadata(UploadMetadataError::TooLong), 400, "upload_metadata_too_long"),
            (Checksum(ChecksumError::Algorithm), 400, "checksum_algorithm"),
            (Checksum(ChecksumError::Mismatch), 460, "checksum_mismatch"),
            (ChunkType, 415, "chunk_type"),
            (ChunkLength { announced: 1, actual: 2 }, 400, "body_incomplete"),
            (TooLong { length: 1 }, 413, "chunk_too_long"),
            (OffsetMismatch { offset: 1, announced: 2 }, 409, "offset_mismatch"),
            (Overtaken, 409, "upload_overtaken"),
            (Exists, 409, "file_exists"),
            (Unknown, 404, "upload_unknown"),
            (Expired, 410, "upload_expired"),
            (Gone, 410, "upload_gone"),
        ];
        for (refusal, status, code) in table {
            let problem = refusal.problem();
            assert_eq!((problem.status.as_u16(), problem.code), (status, code));
            assert!(problem.detail.len() > 20, "{problem:?}");
        }
    }
}
