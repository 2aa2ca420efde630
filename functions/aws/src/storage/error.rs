//! What S3 answers where it does not do what it is asked, and how long to wait before asking again.

use std::time::Duration;

use aws_sdk_s3::error::SdkError;

/// S3 said no or nothing at all. The message is for the log, never for a client.
#[derive(Debug, Clone, thiserror::Error)]
#[error("S3 {operation} failed: {cause}")]
pub struct StorageError {
    pub(super) operation: &'static str,
    pub(super) cause: String,
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
    StorageError { operation, cause }
}
