//! Where an object is, and which upload is to become it.

use std::fmt;

/// Where an object is or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The bucket's name.
    pub bucket: String,
    /// UTF-8, as S3's keys are.
    pub key: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

/// Names an upload under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadAddress {
    /// What it will be.
    pub object: Address,
    /// Given out when it began.
    pub id: String,
}
