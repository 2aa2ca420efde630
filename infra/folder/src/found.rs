//! An object that was found, to be read: what is known of it, and a hold on its bytes.

use bytes::Bytes;

use crate::address::Address;
use crate::epoch::ReadGuard;
use crate::record::{ObjectHead, ObjectRecord};

/// An object found, with its bytes held in place.
#[derive(Debug, Clone)]
pub struct Found {
    pub(crate) at: Address,
    pub(crate) record: ObjectRecord,
    /// Where the bytes are in the index.
    pub(crate) body: Bytes,
    pub(crate) guard: ReadGuard,
}

impl Found {
    /// What is known of it.
    #[must_use]
    pub fn head(&self) -> &ObjectHead {
        &self.record.head
    }
}
