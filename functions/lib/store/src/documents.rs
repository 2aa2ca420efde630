//! Small documents that several may edit at the same time.

use bytes::Bytes;
use satchel_core::object_key::Key;

use crate::error::StoreError;

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its bytes.
    pub body: Bytes,
    /// Which version they are, as the store names it: to be compared, and nothing else.
    pub etag: String,
}

/// On what condition a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// There is none yet.
    Absent,
    /// It is still the version that has this ETag.
    Matches(&'a str),
}

/// What writing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is there now, durable, and it is ours.
    Done,
    /// The condition did not hold, and nothing has changed.
    Changed,
}

/// Where documents are kept.
pub trait Documents: Clone + Send + Sync + 'static {
    /// Body and ETag of one and the same version; `None` where there is none.
    ///
    /// # Errors
    /// The store failed.
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Document>, StoreError>> + Send;

    /// Writes a document if the condition holds at that moment.
    ///
    /// # Errors
    /// The store failed; whether it was written is unknown then.
    fn put(
        &self,
        key: &Key,
        body: Bytes,
        condition: Condition<'_>,
    ) -> impl Future<Output = Result<Written, StoreError>> + Send;

    /// The keys that begin with `prefix`, in the order of their bytes, however many there are.
    ///
    /// # Errors
    /// The store failed.
    fn keys(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
}
