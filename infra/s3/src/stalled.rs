//! A client that has stopped sending: noticed where its body is read, answered where the store has met it.

/// What the error says: all that is left of it once it has gone through s3s.
pub(crate) const STALLED: &str = "the client sent nothing for too long";

/// The error of a body of which nothing came for too long.
#[derive(Debug, thiserror::Error)]
#[error("{STALLED}")]
pub(crate) struct Stalled;
