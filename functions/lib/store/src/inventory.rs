//! What there is: listed in order, looked at, deleted where it is still the same; and what interrupted work has left.

use satchel_core::{metadata::Metadata, object_key::Key, time::Timestamp};

use crate::{
    error::StoreError,
    report::{Report, TextParts},
};

/// Keys that are deleted together, at most.
pub const BATCH: usize = 1_000;

/// An object as a listing tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was stored.
    pub stored: Timestamp,
    /// Which bytes they are.
    pub etag: Option<String>,
}

/// Some of a listing, in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// At most 1,000.
    pub entries: Vec<T>,
    /// Where the rest begins, if there is more.
    pub next: Option<String>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), next: None }
    }
}

/// An object that was looked at.
#[derive(Debug, Clone)]
pub struct Looked {
    /// What a listing would tell of it.
    pub listed: Listed,
    /// What it says of itself.
    pub metadata: Metadata,
}

/// An object that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// Its key.
    pub key: String,
    /// What it must still be; `None`: whatever it is.
    pub etag: Option<String>,
}

/// What became of an object that was to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Gone.
    Deleted,
    /// It would be, were this no dry run.
    WouldDelete,
    /// It has changed since it was looked at, or was deleted by another: left alone.
    Changed,
    /// S3 said no; a later run tries again.
    Failed(String),
}

/// What objects there are.
pub trait Inventory: Clone + Send + Sync + 'static {
    /// Those whose keys begin with `prefix`, in the order of the keys' bytes, from where the page before says. What is
    /// neither made nor deleted meanwhile comes exactly once.
    ///
    /// # Errors
    /// The store failed.
    fn list(&self, prefix: &str, from: Option<String>)
    -> impl Future<Output = Result<Page<Listed>, StoreError>> + Send;

    /// One of them, if it is there.
    ///
    /// # Errors
    /// The store failed.
    fn look(&self, key: &str) -> impl Future<Output = Result<Option<Looked>, StoreError>> + Send;

    /// Deletes at most [`BATCH`], each only if it still has its ETag; says for each, in their order, what became of it.
    ///
    /// # Errors
    /// The store failed as a whole; which of them are gone is unknown then.
    fn delete(&self, doomed: &[Doomed]) -> impl Future<Output = Result<Vec<Fate>, StoreError>> + Send;
}

/// A resumable upload that is neither finished nor given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The key it is to become an object at.
    pub key: String,
    /// Which upload of that key.
    pub id: String,
    /// When it was begun.
    pub begun: Timestamp,
}

/// The care of a store, for work that nobody waits for.
pub trait Upkeep: Inventory {
    /// Where the parts of a report go.
    type Parts: TextParts;

    /// The uploads that are under way, from behind the one that is given; and whether there are more.
    ///
    /// # Errors
    /// The store failed.
    fn unfinished(
        &self,
        from: Option<&Unfinished>,
    ) -> impl Future<Output = Result<(Vec<Unfinished>, bool), StoreError>> + Send;

    /// Bytes of the parts that there are of an upload; none where it has ended.
    ///
    /// # Errors
    /// The store failed.
    fn stored_parts(&self, upload: &Unfinished) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Ends an upload without an object; says whether it was still under way.
    ///
    /// # Errors
    /// The store failed.
    fn abort_unfinished(&self, upload: &Unfinished) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// An empty report at this key. Nothing of it can be read before it is finished.
    fn report(&self, key: Key) -> Report<Self::Parts>;
}

/// The keys that begin with `prefix`, page after page.
///
/// # Errors
/// The store failed.
pub async fn keys_in(store: &impl Inventory, prefix: &str) -> Result<Vec<String>, StoreError> {
    let (mut keys, mut from) = (Vec::new(), None);
    loop {
        let page = store.list(prefix, from).await?;
        keys.extend(page.entries.into_iter().map(|listed| listed.key));
        from = page.next;
        if from.is_none() {
            return Ok(keys);
        }
    }
}
