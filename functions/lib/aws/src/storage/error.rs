//! What S3 answers where it does not do what it is asked, and how long to wait before asking again.

use std::time::Duration;

use aws_sdk_s3::error::SdkError;
use http::StatusCode;
use satchel_store::Kind;
pub use satchel_store::StoreError as StorageError;

/// S3's errors, made here alone.
pub(super) trait OfS3 {
    /// What S3 says makes no sense, or was never asked.
    fn of(operation: &'static str, cause: impl Into<String>) -> Self;
}

impl OfS3 for StorageError {
    fn of(operation: &'static str, cause: impl Into<String>) -> Self {
        Self { store: S3, operation, cause: cause.into(), kind: Kind::Unavailable }
    }
}

const S3: &str = "S3";

/// Nothing before the first attempt, then 50, 100, 200 ms.
pub(super) async fn back_off(attempt: u32) {
    if let Some(doublings) = attempt.checked_sub(1) {
        tokio::time::sleep(Duration::from_millis(50 << doublings)).await;
    }
}

pub(super) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Keeps S3's code and message, or the chain of causes where there was no answer.
pub(super) fn failed<E: std::error::Error + 'static>(operation: &'static str, error: &SdkError<E>) -> StorageError {
    let cause = aws_sdk_s3::error::DisplayErrorContext(error).to_string();
    let is_full = status(error) == Some(StatusCode::INSUFFICIENT_STORAGE.as_u16());
    StorageError { store: S3, operation, cause, kind: if is_full { Kind::Full } else { Kind::Unavailable } }
}
