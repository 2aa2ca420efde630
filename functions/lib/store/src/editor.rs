//! Small JSON documents that several may edit at the same time: read, changed, and written back on the condition that
//! nobody was faster.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use satchel_core::object_key::Key;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    documents::{Condition, Document, Documents, Written},
    error::StoreError,
};

/// The longest pause between two rounds of a race, in milliseconds. Of a hundred editors one gets through in each round:
/// they must not all be back for the next.
const MAX_PAUSE: u32 = 1_024;

/// Why a document could not be read or written. The message is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The store failed; after writing, whether it was written is unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else's document, or a damaged one. It is never taken for an empty one.
    #[error("the document cannot be read: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// No randomness for a pause.
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl DocumentError {
    /// Whether there is no room for more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_full())
    }
}

/// A document as it was found; where there is none, the default.
#[derive(Debug, Clone)]
pub struct Found<T> {
    /// What it says.
    pub value: T,
    object: Option<Document>,
}

impl<T> Found<T> {
    /// Whether it was there, under the key that was asked for.
    #[must_use]
    pub const fn is_stored(&self) -> bool {
        self.object.is_some()
    }

    /// What to begin with where nothing is stored yet.
    #[must_use]
    pub const fn not_stored(value: T) -> Self {
        Self { value, object: None }
    }
}

/// Edits the documents of a store. Clones share the queues.
#[derive(Debug, Clone)]
pub struct Editor<D> {
    documents: D,
    queues: Arc<Queues>,
}

/// Editors of one document in one process wait for one another, rather than run races that all but one lose. Only those
/// of several processes, as Lambda's are, race. A queue may be that of several documents.
#[derive(Debug, Default)]
struct Queues {
    hasher: RandomState,
    queues: [Mutex<()>; 32],
}

impl Queues {
    async fn turn(&self, key: &Key) -> MutexGuard<'_, ()> {
        let number = self.hasher.hash_one(key.as_str()) % self.queues.len() as u64;
        self.queues[number as usize].lock().await
    }
}

impl<D: Documents> Editor<D> {
    /// Reads and writes `documents`.
    #[must_use]
    pub fn new(documents: D) -> Self {
        Self { documents, queues: Arc::default() }
    }

    /// Reads a document, in one request to the store.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub async fn read<T: DeserializeOwned + Default>(&self, key: &Key) -> Result<Found<T>, DocumentError> {
        let object = self.documents.get(key).await?;
        Ok(Found { value: read(object.as_ref())?, object })
    }

    /// The keys that begin with `prefix`, however many there are.
    ///
    /// # Errors
    /// The store failed.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, DocumentError> {
        Ok(self.documents.keys(prefix).await?)
    }

    /// Changes a document with `edit`, from the start again whenever another editor was faster, without end: the caller
    /// sets the deadline. `found` spares the first reading. Gives the document as it is now, and what `edit` gave.
    /// What changes nothing is not written.
    ///
    /// # Errors
    /// What `edit` refuses; see [`DocumentError`].
    pub async fn edit<T, R, E>(
        &self,
        key: &Key,
        found: Option<Found<T>>,
        mut edit: impl FnMut(&mut T) -> Result<R, E>,
    ) -> Result<(T, R), E>
    where
        T: Clone + DeserializeOwned + Serialize + Default + PartialEq,
        E: From<DocumentError>,
    {
        let (mut first, object) = found.map_or((None, None), |found| (Some(found.value), Some(found.object)));
        let mut made: Option<(Bytes, T, R)> = None;
        let step = |object: Option<&Document>| {
            let is = |body: &Bytes| object.is_some_and(|object| object.body == body);
            // An attempt whose answer was lost on its way, and that was repeated, meets its own object.
            if made.as_ref().is_some_and(|(body, ..)| is(body)) {
                return Ok(None);
            }
            let mut value = first.take().map_or_else(|| read(object), Ok)?;
            let missing = object.is_none().then(|| value.clone());
            let given = edit(&mut value)?;
            let body = Bytes::from(serde_json::to_vec(&value).map_err(DocumentError::Unreadable)?);
            let is_as_it_was = is(&body) || missing.is_some_and(|missing| missing == value);
            made = Some((body.clone(), value, given));
            Ok::<_, E>((!is_as_it_was).then_some(body))
        };
        self.update(key, object, step).await?;
        let Some((_, value, given)) = made else { unreachable!("a step was taken") };
        Ok((value, given))
    }

    /// The loop of every edit: reads what there is, asks `step` for what is to be there instead, and writes it if nobody was
    /// faster; else from the start again, after a pause. `step` ends it with nothing to write, or with an error. `found` spares
    /// the first reading.
    ///
    /// # Errors
    /// What `step` refuses; see [`DocumentError`].
    pub async fn update<E: From<DocumentError>>(
        &self,
        key: &Key,
        mut found: Option<Option<Document>>,
        mut step: impl FnMut(Option<&Document>) -> Result<Option<Bytes>, E>,
    ) -> Result<(), E> {
        let _turn = self.queues.turn(key).await;
        for attempt in 0_u32.. {
            pause(attempt).await?;
            let object = match found.take() {
                Some(object) => object,
                None => self.documents.get(key).await.map_err(DocumentError::from)?,
            };
            let Some(body) = step(object.as_ref())? else { return Ok(()) };
            let condition = object.as_ref().map_or(Condition::Absent, |object| Condition::Matches(&object.etag));
            if self.documents.put(key, body, condition).await.map_err(DocumentError::from)? == Written::Done {
                return Ok(());
            }
        }
        unreachable!("four thousand million attempts take longer than anybody waits")
    }
}

fn read<T: DeserializeOwned + Default>(object: Option<&Document>) -> Result<T, DocumentError> {
    let read = object.map(|object| serde_json::from_slice(&object.body)).transpose();
    Ok(read.map_err(DocumentError::Unreadable)?.unwrap_or_default())
}

/// None before the first attempt, then a random one, longer from round to round (AWS: "Exponential backoff and jitter").
///
/// # Errors
/// No randomness.
pub async fn pause(attempt: u32) -> Result<(), DocumentError> {
    if attempt > 0 {
        let longest = (8 << attempt.min(8)).min(MAX_PAUSE);
        tokio::time::sleep(Duration::from_millis((getrandom::u32()? % longest).into())).await;
    }
    Ok(())
}
