//! What S3 answers where it does not do what it is asked, and how long to wait before asking again.

use std::time::Duration;

use aws_sdk_s3::error::SdkError;
use http::StatusCode;
use satchel_core::problem::Problem;

/// S3 said no or nothing at all. The message is for the log, never for a client.
#[derive(Debug, Clone, thiserror::Error)]
#[error("S3 {operation} failed: {cause}")]
pub struct StorageError {
    pub(super) operation: &'static str,
    pub(super) cause: String,
    pub(super) is_full: bool,
}

impl StorageError {
    /// What S3 says makes no sense, or was never asked.
    pub(super) fn of(operation: &'static str, cause: impl Into<String>) -> Self {
        Self { operation, cause: cause.into(), is_full: false }
    }

    /// Whether there is no room for more. S3 at AWS never says so; stores on a disk do (507, RFC 4918 section 11.5).
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// What clients are told of a full store: 507 `storage_full`.
    #[must_use]
    pub fn full() -> Problem {
        let text = "the file store is full; nothing was stored, try again later or tell the administrator";
        Problem::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", text.to_owned())
    }
}

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
    StorageError { operation, cause, is_full: status(error) == Some(StatusCode::INSUFFICIENT_STORAGE.as_u16()) }
}
