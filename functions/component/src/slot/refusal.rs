//! Why there is no slot, and how that is said.

use http::StatusCode;
use satchel_core::{content_type::ContentTypeError, outcome::Failure, problem::Problem, upload_path::PathError};

use crate::ledger::QuotaReached;

/// Why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlotRefusal {
    /// Not an address.
    #[error("the request does not say which XMPP address it comes from")]
    Address,
    /// Of another domain.
    #[error("only accounts of this server may upload files here")]
    Domain,
    /// Nothing to upload, or no number: `xs:positiveInteger` (XEP-0363, section 12).
    #[error("the file size is missing or not a whole number of bytes above zero")]
    Size,
    /// Over the deployment's maximum.
    #[error("the file is too large; the largest file allowed here has {max_size} bytes")]
    TooLarge {
        /// Bytes allowed.
        max_size: u64,
    },
    /// No file name.
    #[error("the file name is missing")]
    FileNameMissing,
    /// A name that cannot end a URL path.
    #[error("the file name cannot be used: {}", file_name_problem(*.0))]
    FileName(PathError),
    /// A type that no header can carry.
    #[error(transparent)]
    ContentType(#[from] ContentTypeError),
    /// An expiry that is missing, no date, or past.
    #[error("the expiry is missing or not a date and time to come, such as 2030-01-31T12:00:00Z")]
    Expiry,
    /// The day's bytes are spent.
    #[error(transparent)]
    Quota(#[from] QuotaReached),
    /// A purpose that the deployment does not offer.
    #[error("files for this purpose are not taken here; ask for a slot without a purpose")]
    Purpose,
}

/// A path's errors speak of segments, which nobody has seen who names a file.
const fn file_name_problem(error: PathError) -> &'static str {
    match error {
        PathError::EmptySegment => "it is empty",
        PathError::DotSegment => "it is or contains '.' or '..' as a directory",
        PathError::ControlCharacter => "it has a control character",
        PathError::EncodedSlash => "it has a slash",
        PathError::Encoding => "it is not UTF-8",
        PathError::TooLong => "it is too long",
    }
}

impl SlotRefusal {
    /// Stable, for logs and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address => "address_malformed",
            Self::Domain => "domain_not_allowed",
            Self::Size => "size_malformed",
            Self::TooLarge { .. } => "file_too_large",
            Self::FileNameMissing => "file_name_missing",
            Self::FileName(_) => "file_name_malformed",
            Self::ContentType(_) => "content_type_malformed",
            Self::Expiry => "expiry_malformed",
            Self::Quota(_) => "quota_reached",
            Self::Purpose => "purpose_not_supported",
        }
    }
}

/// The answer to ejabberd, which tells 402, 403 and 413 from all others.
impl Failure for SlotRefusal {
    fn problem(&self) -> Problem {
        let status = match self {
            Self::Domain => StatusCode::FORBIDDEN,
            Self::Quota(_) => StatusCode::PAYMENT_REQUIRED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Address | Self::Size | Self::FileNameMissing | Self::FileName(_) => StatusCode::BAD_REQUEST,
            Self::ContentType(_) | Self::Expiry | Self::Purpose => StatusCode::BAD_REQUEST,
        };
        Problem::new(status, self.code(), self.to_string())
    }
}
