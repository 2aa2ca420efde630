//! The store: buckets and objects in one folder, whole or absent at any instant.

pub(crate) mod blobs;
pub(crate) mod buckets;
mod epoch;
pub(crate) mod error;
pub(crate) mod events;
mod index;
pub(crate) mod lifecycle;
pub(crate) mod listing;
pub(crate) mod multipart;
pub(crate) mod objects;
pub(crate) mod read;
mod reaper;
pub(crate) mod receive;
pub(crate) mod record;
pub(crate) mod uploads;
pub(crate) mod usage;
mod writer;

use std::path::Path;
use std::sync::mpsc::{Sender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use redb::Database;

use blobs::Blobs;
use epoch::{Epochs, ReadGuard};
use error::{OpenError, StoreError};
use events::{Receiver, Subscribers};
use index::Snapshot;
use reaper::Order;
use usage::Usages;
use writer::{Shared, Writer};

/// Gives the time, in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Buckets and objects in one folder, owned by one process. Clones share it.
///
/// A process that is killed at any instant leaves every object whole or absent. [`Store::close`] only makes the
/// next opening cheaper.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    /// `None` once closed, so that the folder can be opened again.
    database: RwLock<Option<Arc<Database>>>,
    blobs: Blobs,
    epochs: Arc<Epochs>,
    subscribers: Arc<Subscribers>,
    usages: Arc<Usages>,
    writer: Writer,
    writer_thread: Mutex<Option<JoinHandle<()>>>,
    reaper: Sender<Order>,
    clock: Clock,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("blobs", &self.0.blobs).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in `dir`, creating both where missing. Waits up to five seconds for a predecessor that is
    /// still shutting down.
    ///
    /// # Errors
    /// See [`OpenError`]; above all [`OpenError::InUse`].
    pub async fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(dir, Arc::new(system_time)).await
    }

    /// The same with another clock than the machine's, for `Last-Modified` and lifecycle rules.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(dir: &Path, clock: Clock) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { folder: dir.to_owned(), source };
        std::fs::create_dir_all(dir).map_err(io)?;
        let opened = index::open(dir).await?;
        let blobs = Blobs::open(dir, opened.generation).map_err(io)?;
        let inner = Inner::start(Arc::new(opened.database), blobs, clock).map_err(io)?;
        let store = Self(Arc::new(inner));
        if opened.unclean {
            store.sweep().map_err(io)?;
        }
        Ok(store)
    }

    /// Tells of every object created from now on, in the order of the commits, losing none while the receiver lives.
    #[must_use]
    pub fn subscribe(&self) -> Receiver {
        self.0.subscribers.subscribe()
    }

    /// Finishes the writes that are under way, removes what waits for removal, and releases the folder. Other
    /// clones answer [`StoreError::Closed`] from then on.
    ///
    /// # Errors
    /// The index could not be written; nothing acknowledged is lost.
    pub async fn close(self) -> Result<(), StoreError> {
        tokio::task::spawn_blocking(move || self.0.close()).await?
    }

    /// Removes orphans in the background; nobody waits for it.
    fn sweep(&self) -> std::io::Result<()> {
        let blobs = self.0.blobs.clone();
        // Taken here, not in the thread: the snapshot must not be younger than the first write of this opening,
        // and must not keep the store open after it is closed.
        let Ok(snapshot) = self.snapshot() else { return Ok(()) };
        let run = move || {
            // An unreadable index is reported by the requests that need it; never delete on its word.
            if let Ok(named) = snapshot.blobs_before(blobs.generation()) {
                drop(snapshot);
                reaper::sweep(&blobs, &named);
            }
        };
        std::thread::Builder::new().name("s3-sweep".into()).spawn(run).map(|_| ())
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let database = self.database()?;
        Snapshot::take(&database)
    }

    fn database(&self) -> Result<Arc<Database>, StoreError> {
        let database = self.0.database.read().unwrap_or_else(PoisonError::into_inner);
        database.clone().ok_or(StoreError::Closed)
    }

    /// Milliseconds since 1970.
    fn now(&self) -> u64 {
        (self.0.clock)()
    }

    fn enter(&self) -> ReadGuard {
        self.0.epochs.enter()
    }

    fn writer(&self) -> &Writer {
        &self.0.writer
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }
}

impl Inner {
    fn start(database: Arc<Database>, blobs: Blobs, clock: Clock) -> std::io::Result<Self> {
        let reaper = reaper::start(blobs.clone())?;
        let epochs = Arc::new(Epochs::new(reaper.clone()));
        let subscribers = Arc::new(Subscribers::default());
        let usages = Arc::new(Usages::default());
        let shared = Shared {
            database: database.clone(),
            epochs: epochs.clone(),
            subscribers: subscribers.clone(),
            usages: usages.clone(),
            blobs: blobs.clone(),
        };
        let (writer, thread) = Writer::start(shared)?;
        Ok(Self {
            database: RwLock::new(Some(database)),
            blobs,
            epochs,
            subscribers,
            usages,
            writer,
            writer_thread: Mutex::new(Some(thread)),
            reaper,
            clock,
        })
    }

    fn close(&self) -> Result<(), StoreError> {
        self.writer.stop();
        let thread = self.writer_thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            return Err(StoreError::Closed);
        }
        self.subscribers.end();
        self.usages.end();
        self.drain_reaper();
        let Some(database) = self.database.write().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        // Readers that are still at it, or removals that failed, leave files: then the next opening sweeps.
        if self.blobs.loose() == 0 {
            index::mark_clean(&database)?;
        }
        Ok(())
    }

    fn drain_reaper(&self) {
        let (done, flushed) = sync_channel(1);
        if self.reaper.send(Order::Flush(done)).is_ok() {
            let _ = flushed.recv();
        }
    }
}

/// The machine's clock. The store is its boundary: S3's `Last-Modified` is the server's business.
fn system_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    use bytes::Bytes;
    use futures_util::stream;
    use objects::{Address, WriteCondition};
    use receive::{Announced, receive};
    use record::Headers;

    fn files(dir: &Path) -> Vec<PathBuf> {
        let shards = std::fs::read_dir(dir.join("blobs")).unwrap();
        shards.flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap()).map(|f| f.unwrap().path()).collect()
    }

    async fn put(store: &Store, key: &str, condition: WriteCondition) -> Result<(), StoreError> {
        let body = stream::iter([Ok(Bytes::from_static(b"hello"))]);
        let received = receive(store.blobs(), body, Announced { length: 5, ..Announced::default() }).await?;
        let at = Address { bucket: "bucket".into(), key: key.into() };
        store.put(at, Headers::default(), received, condition).await.map(|_| ())
    }

    #[tokio::test]
    async fn a_sweep_removes_what_nobody_names_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        store.create_bucket("bucket").await.unwrap();
        put(&store, "kept", WriteCondition::default()).await.unwrap();
        let orphan = store.blobs().begin().unwrap().publish().unwrap();
        orphan.abandon();
        store.close().await.unwrap();
        assert_eq!(files(dir.path()).len(), 2);

        let store = Store::open(dir.path()).await.unwrap();
        let under_way = store.blobs().begin().unwrap().publish().unwrap();
        let named = store.snapshot().unwrap().blobs_before(store.blobs().generation()).unwrap();
        reaper::sweep(store.blobs(), &named);
        assert_eq!(files(dir.path()).len(), 2);
        assert!(store.blobs().path(under_way.id).exists());
    }

    #[tokio::test]
    async fn a_refused_put_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        store.create_bucket("bucket").await.unwrap();
        let absent = || WriteCondition { absent: true, matches: None };
        put(&store, "k", absent()).await.unwrap();
        let refused = put(&store, "k", absent()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(error::Refusal::PreconditionFailed { .. })));
        assert_eq!(files(dir.path()).len(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_puts_that_all_passed_the_early_check_one_wins() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        store.create_bucket("bucket").await.unwrap();
        let contenders = (0..64).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { put(&store, "k", WriteCondition { absent: true, matches: None }).await.is_ok() })
        });
        let contenders: Vec<_> = contenders.collect();
        let mut winners = 0;
        for contender in contenders {
            winners += usize::from(contender.await.unwrap());
        }
        assert_eq!((winners, files(dir.path()).len()), (1, 1));
    }
}
