//! The store as a whole: opened, asked how it is, closed.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::blobs::Blobs;
use crate::disk::{Disk, FileSystem};
use crate::epoch::{Epochs, ReadGuard};
use crate::error::{OpenError, StoreError};
use crate::events::{Receiver, Subscribers};
use crate::identity::{Identity, State};
use crate::index::{self, Readers, Snapshot};
use crate::intake::Shares;
use crate::opening::{self, Opened};
use crate::options::{Clock, StoreOptions};
use crate::reaper::{self, Order};
use crate::room::Room;
use crate::usage::Usages;
use crate::watch::{Notice, Watch};
use crate::writer::{Shared, Writer, WriterThread};
use crate::{scrub, sweep};

/// Buckets and objects in one folder, owned by one process. Clones share it.
///
/// A process that is killed at any instant leaves every object whole or absent. [`Store::close`] only makes the
/// next opening cheaper.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    disk: Arc<dyn Disk>,
    readers: Arc<Readers>,
    blobs: Blobs,
    epochs: Arc<Epochs>,
    subscribers: Arc<Subscribers>,
    usages: Arc<Usages>,
    room: Arc<Room>,
    shares: Shares,
    watch: Arc<Watch>,
    writer: Writer,
    writer_thread: Mutex<Option<WriterThread>>,
    reaper: Sender<Order>,
    scrubber: Mutex<Option<JoinHandle<()>>>,
    sweeper: Mutex<Option<JoinHandle<()>>>,
    stop_scrub: Arc<scrub::Stop>,
    identity: Identity,
    inside: u64,
    clock: Clock,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("disk", &self.0.disk).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in `dir`, creating both where missing. Waits up to five seconds for a predecessor that is
    /// still shutting down.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is changed then.
    pub async fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(dir, StoreOptions::default()).await
    }

    /// The same with other options than the usual ones.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(dir: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        let (disk, was_open) =
            FileSystem::open(dir).map_err(|source| OpenError::Io { folder: dir.to_owned(), source })?;
        let listener = Arc::clone(&options.listener);
        let store = Self::open_on(Arc::new(disk), dir, options).await?;
        if was_open {
            listener(&Notice::FolderWasOpen);
        }
        Ok(store)
    }

    /// The same on any disk. `name` is for errors.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_on(disk: Arc<dyn Disk>, name: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        opening::lock(&*disk, name).await?;
        let opened = opening::open(&*disk, name).and_then(|opened| {
            let (is_unclean, is_suspect) = (opened.is_unclean, opened.identity.is_suspect);
            let started = Self::start(Arc::clone(&disk), opened, &options);
            let store = started.map_err(|source| OpenError::Io { folder: name.to_owned(), source })?;
            Ok((store, is_unclean, is_suspect))
        });
        let (store, is_unclean, is_suspect) = opened.inspect_err(|_| disk.unlock())?;
        if is_unclean && !is_suspect {
            store.sweep();
        }
        Ok(store)
    }

    fn start(disk: Arc<dyn Disk>, opened: Opened, options: &StoreOptions) -> io::Result<Self> {
        let Opened { connection, identity, log_is_gone, identity_was_gone, .. } = opened;
        let blobs = Blobs::open(Arc::clone(&disk), identity.generation)?;
        let reaper = reaper::start(blobs.clone())?;
        let epochs = Arc::new(Epochs::new(reaper.clone()));
        let (subscribers, usages) = (Arc::<Subscribers>::default(), Arc::<Usages>::default());
        let room = Arc::new(Room::new(Arc::clone(&disk), options.floor, options.reserve));
        let watch = Arc::new(Watch::new(Arc::clone(&options.listener)));
        let said = [(log_is_gone, Notice::LogGone), (identity_was_gone, Notice::IdentityGone)];
        said.iter().filter(|(is_so, _)| *is_so).for_each(|(_, notice)| watch.say(notice));
        room.restore();
        let shared = Shared {
            disk: Arc::clone(&disk),
            epochs: Arc::clone(&epochs),
            subscribers: Arc::clone(&subscribers),
            usages: Arc::clone(&usages),
            blobs: blobs.clone(),
            room: Arc::clone(&room),
            watch: Arc::clone(&watch),
        };
        let (writer, thread) = Writer::start(shared, connection)?;
        let readers = Arc::new(Readers::new(Arc::clone(&disk)).map_err(io::Error::other)?);
        let store = Self(Arc::new(Inner {
            disk,
            readers,
            blobs,
            epochs,
            subscribers,
            usages,
            room,
            shares: Shares::default(),
            watch,
            writer,
            writer_thread: Mutex::new(Some(thread)),
            reaper,
            scrubber: Mutex::new(None),
            sweeper: Mutex::new(None),
            stop_scrub: Arc::default(),
            identity,
            inside: options.inside,
            clock: Arc::clone(&options.clock),
        }));
        if options.scrubs {
            store.start_scrubbing()?;
        }
        Ok(store)
    }

    /// Weak, so that a store that nobody has any more ends without being closed.
    fn start_scrubbing(&self) -> io::Result<()> {
        let (weak, stop) = (Arc::downgrade(&self.0), Arc::clone(&self.0.stop_scrub));
        let run = move || scrub::run(|| weak.upgrade().map(Self), &stop);
        let thread = thread::Builder::new().name("store-scrub".into()).spawn(run)?;
        *self.0.scrubber.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
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

    /// Moves what nobody names aside, in the background; nobody waits for it.
    fn sweep(&self) {
        let (blobs, watch, now) = (self.blobs().clone(), Arc::clone(&self.0.watch), self.now());
        // Taken here, not in the thread: the names must not be younger than the first write of this opening.
        let Ok(snapshot) = self.snapshot() else { return };
        if snapshot.rows().get::<i64>("generation").is_err() {
            return;
        }
        // Until this is done there may be files that the index does not name, so the next opening has to look again.
        blobs.adopt(1);
        let run = move || match sweep::sweep_with(&blobs, snapshot, now) {
            Ok(notice) => {
                blobs.settle(1);
                notice.iter().for_each(|notice| watch.say(notice));
            }
            // Nothing is moved on the word of an index that cannot be read.
            Err(error) => watch.failed(&error),
        };
        // Without a thread the next opening does it.
        let thread = thread::Builder::new().name("store-sweep".into()).spawn(run).ok();
        *self.0.sweeper.lock().unwrap_or_else(PoisonError::into_inner) = thread;
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
