//! From the store's errors to S3's: one exhaustive match.

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode, S3Result, StdError};
use satchel_folder::{Refusal, StoreError};

use crate::stalled::STALLED;

/// What the store says, as S3 says it.
pub(crate) trait OrS3<T> {
    fn or_s3(self) -> S3Result<T>;
}

impl<T> OrS3<T> for Result<T, StoreError> {
    fn or_s3(self) -> S3Result<T> {
        self.map_err(failed)
    }
}

impl<T> OrS3<T> for Result<T, Refusal> {
    fn or_s3(self) -> S3Result<T> {
        self.map_err(|refusal| refused(&refusal))
    }
}

/// The refusal as an error of S3's.
pub(crate) fn refused(refusal: &Refusal) -> S3Error {
    S3Error::with_message(code(refusal), refusal.to_string())
}

fn code(refusal: &Refusal) -> S3ErrorCode {
    match refusal {
        Refusal::InvalidBucketName => S3ErrorCode::InvalidBucketName,
        Refusal::NoSuchBucket => S3ErrorCode::NoSuchBucket,
        Refusal::BucketNotEmpty => S3ErrorCode::BucketNotEmpty,
        Refusal::NoSuchKey => S3ErrorCode::NoSuchKey,
        Refusal::NoSuchUpload => S3ErrorCode::NoSuchUpload,
        Refusal::PreconditionFailed { .. } => S3ErrorCode::PreconditionFailed,
        Refusal::InvalidPart { .. } => S3ErrorCode::InvalidPart,
        Refusal::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
        Refusal::EntityTooSmall { .. } => S3ErrorCode::EntityTooSmall,
        Refusal::IncompleteBody { .. } => S3ErrorCode::IncompleteBody,
        Refusal::BadDigest { .. } => S3ErrorCode::BadDigest,
        Refusal::InvalidDigest { digest: "content-md5" } => S3ErrorCode::InvalidDigest,
        // What S3 answers for a malformed x-amz-checksum-*.
        Refusal::InvalidDigest { .. } => S3ErrorCode::InvalidRequest,
    }
}

fn failed(error: StoreError) -> S3Error {
    match error {
        StoreError::Refused(refusal) => refused(&refusal),
        StoreError::Body(source) => body(source),
        StoreError::Closed => S3Error::with_message(S3ErrorCode::ServiceUnavailable, "The server is closing"),
        error if error.is_full() => custom("StorageFull", StatusCode::INSUFFICIENT_STORAGE, "The disk is full"),
        // Nothing of the inside goes out; the store has told its listener.
        StoreError::Damaged { .. } => S3Error::with_source(S3ErrorCode::InternalError, Box::new(error)),
        StoreError::Index(_)
        | StoreError::NotCommitted { .. }
        | StoreError::Full { .. }
        | StoreError::FolderGone
        | StoreError::Io(_)
        | StoreError::Random(_) => S3Error::with_source(S3ErrorCode::ServiceUnavailable, Box::new(error)),
    }
}

/// s3s 0.14 reports what is wrong with a body only as text: the error types of its streams are private.
fn body(source: StdError) -> S3Error {
    let text = source.to_string();
    let code = if text.contains("Sha256Mismatch") {
        return custom("XAmzContentSHA256Mismatch", StatusCode::BAD_REQUEST, "The body does not match its SHA-256");
    } else if text.contains("SignatureMismatch") {
        S3ErrorCode::SignatureDoesNotMatch
    } else if text.contains(STALLED) {
        S3ErrorCode::RequestTimeout
    } else {
        S3ErrorCode::IncompleteBody
    };
    S3Error::with_source(code, source)
}

/// An error with a code of S3 that s3s does not know.
pub(crate) fn custom(code: &'static str, status: StatusCode, message: &'static str) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut error = S3Error::with_message(code, message);
    error.set_status_code(status);
    error
}
