//! The store as a whole: what its operations work with, and its end. Nothing here knows an operation.

use std::fmt;
use std::sync::mpsc::{Sender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::blobs::Blobs;
use crate::disk::Disk;
use crate::epoch::{Epochs, ReadGuard};
use crate::error::StoreError;
use crate::events::{Receiver, Subscribers};
use crate::identity::{Identity, State};
use crate::index::{self, Readers, Snapshot};
use crate::intake::Shares;
use crate::options::Clock;
use crate::reaper::Order;
use crate::room::Room;
use crate::stop::Stop;
use crate::totals::Usages;
use crate::watch::Watch;
use crate::writer::{Writer, WriterThread};

/// Buckets and objects in one folder, owned by one process. Clones share it.
///
/// A process that is killed at any instant leaves every object whole or absent. [`Store::close`] only makes the
/// next opening cheaper.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

/// What a store consists of.
pub(crate) struct Inner {
    pub disk: Arc<dyn Disk>,
    pub readers: Arc<Readers>,
    pub blobs: Blobs,
    pub epochs: Arc<Epochs>,
    pub subscribers: Arc<Subscribers>,
    pub usages: Arc<Usages>,
    pub room: Arc<Room>,
    pub shares: Shares,
    pub watch: Arc<Watch>,
    pub writer: Writer,
    pub writer_thread: Mutex<Option<WriterThread>>,
    pub reaper: Sender<Order>,
    pub scrubber: Mutex<Option<JoinHandle<()>>>,
    pub sweeper: Mutex<Option<JoinHandle<()>>>,
    pub stop_scrub: Arc<Stop>,
    pub identity: Identity,
    pub inside: u64,
    pub clock: Clock,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("disk", &self.0.disk).finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn of(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Gives the store as long as somebody has it, so that one that nobody has any more ends without being closed.
    pub(crate) fn while_it_lives(&self) -> impl Fn() -> Option<Self> + Send + use<> {
        let weak = Arc::downgrade(&self.0);
        move || weak.upgrade().map(Self)
    }

    /// The thread that looks for damage; closing waits for it.
    pub(crate) fn scrubs_in(&self, thread: JoinHandle<()>) {
        *self.0.scrubber.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    }

    /// The thread that moves files aside; settling waits for it.
    pub(crate) fn sweeps_in(&self, thread: Option<JoinHandle<()>>) {
        *self.0.sweeper.lock().unwrap_or_else(PoisonError::into_inner) = thread;
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

    /// Returns once what was deleted is removed from the disk, and what was unknown at the start is put aside.
    pub async fn settle(&self) {
        let store = self.clone();
        // A thread that has failed has settled.
        let _ = tokio::task::spawn_blocking(move || store.0.settle()).await;
    }

    /// Passes a result on, after taking note of what its error says about the disk.
    pub(crate) fn noting<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.inspect_err(|error| self.0.watch.failed(error))
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.noting(self.0.readers.snapshot())
    }

    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        (self.0.clock)()
    }

    pub(crate) fn enter(&self) -> ReadGuard {
        self.0.epochs.enter()
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.0.writer
    }

    pub(crate) fn readers(&self) -> &Arc<Readers> {
        &self.0.readers
    }

    pub(crate) fn usages(&self) -> &Arc<Usages> {
        &self.0.usages
    }

    pub(crate) fn inside(&self) -> u64 {
        self.0.inside
    }

    pub(crate) fn room(&self) -> &Arc<Room> {
        &self.0.room
    }

    pub(crate) fn shares(&self) -> &Shares {
        &self.0.shares
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.0.watch
    }

    pub(crate) fn stop_scrub(&self) -> &Arc<Stop> {
        &self.0.stop_scrub
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }
}

impl Inner {
    fn close(&self) -> Result<(), StoreError> {
        self.stop_scrub.stop();
        let scrubber = self.scrubber.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A scrubber that has failed has ended.
        let _ = scrubber.map(JoinHandle::join);
        self.writer.stop();
        let Some(thread) = self.writer_thread.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let connection = thread.join().ok().flatten();
        self.subscribers.end();
        self.usages.end();
        self.readers.close();
        self.settle();
        let ended = connection.map_or(Err(StoreError::Closed), |connection| self.end(connection));
        self.disk.unlock();
        ended
    }

    /// Puts everything into the index and says so beside it.
    fn end(&self, connection: rusqlite::Connection) -> Result<(), StoreError> {
        Identity { state: State::Closing, ..self.identity.clone() }.write(&*self.disk)?;
        index::close(connection)?;
        // Readers that are still at it, or removals that failed, leave files: then the next opening sweeps.
        if self.blobs.loose() == 0 {
            Identity { state: State::Clean, ..self.identity.clone() }.write(&*self.disk)?;
        }
        Ok(())
    }

    fn settle(&self) {
        let sweeper = self.sweeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = sweeper.map(JoinHandle::join);
        let (done, flushed) = sync_channel(1);
        if self.reaper.send(Order::Flush(done)).is_ok() {
            let _ = flushed.recv();
        }
    }
}
