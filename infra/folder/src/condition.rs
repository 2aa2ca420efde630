//! What must hold about the present object for a write to happen.

use crate::error::Refusal;
use crate::record::ObjectHead;

/// What must hold about the present object for a write to happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteCondition {
    /// `If-None-Match: *`.
    pub absent: bool,
    /// `If-Match`: an ETag without quotes, or `*`.
    pub matches: Option<String>,
}

impl WriteCondition {
    /// Whether a write may replace `present`.
    pub(crate) fn check(&self, present: Option<&ObjectHead>) -> Result<(), Refusal> {
        if self.absent && present.is_some() {
            return Err(Refusal::PreconditionFailed { condition: "If-None-Match" });
        }
        match (&self.matches, present) {
            (None, _) => Ok(()),
            // S3 answers 404 rather than 412 where there is nothing to compare with.
            (Some(_), None) => Err(Refusal::NoSuchKey),
            (Some(tag), Some(head)) if tag == "*" || *tag == head.etag => Ok(()),
            (Some(_), Some(_)) => Err(Refusal::PreconditionFailed { condition: "If-Match" }),
        }
    }
}
