//! A store's beginning: its folder is opened, its threads are started, and what a predecessor has left is looked after.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::blobs::Blobs;
use crate::disk::{Disk, FileSystem};
use crate::epoch::Epochs;
use crate::error::OpenError;
use crate::events::Subscribers;
use crate::folder::{Inner, Store};
use crate::index::Readers;
use crate::intake::Shares;
use crate::opening::{self, Opened};
use crate::options::StoreOptions;
use crate::room::Room;
use crate::totals::Usages;
use crate::watch::{Notice, Watch};
use crate::writer::{Shared, Writer};
use crate::{reaper, scrub, sweep};

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
        let store = Self::of(Inner {
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
        });
        if options.scrubs {
            store.start_scrubbing()?;
        }
        Ok(store)
    }

    fn start_scrubbing(&self) -> io::Result<()> {
        let (store, stop) = (self.while_it_lives(), Arc::clone(self.stop_scrub()));
        let thread = thread::Builder::new().name("store-scrub".into()).spawn(move || scrub::run(store, &stop))?;
        self.scrubs_in(thread);
        Ok(())
    }

    /// Moves what nobody names aside, in the background; nobody waits for it.
    fn sweep(&self) {
        let (blobs, watch, now) = (self.blobs().clone(), Arc::clone(self.watch()), self.now());
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
        self.sweeps_in(thread);
    }
}
