//! Opening a folder: nothing in it is touched unless its index is there, whole, and the one that was there last.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::blob_id::{BLOBS, generation_of};
use crate::disk::Disk;
use crate::error::OpenError;
use crate::identity::{FORMAT, Identity, State};
use crate::index::{self, Kind};
use crate::rows::Rows;

/// How long a predecessor that is shutting down is waited for, and how often it is looked at.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// What was known when the folder was opened.
pub(crate) struct Opened {
    /// The one that writes.
    pub connection: Connection,
    pub identity: Identity,
    /// The predecessor may have left files that the index does not name.
    pub is_unclean: bool,
    /// The predecessor was killed, and its write-ahead log is not there.
    pub log_is_gone: bool,
    /// There was an index without `store.json`.
    pub identity_was_gone: bool,
}

/// Waits for the folder and takes it.
pub(crate) async fn lock(disk: &dyn Disk, folder: &Path) -> Result<(), OpenError> {
    let deadline = tokio::time::Instant::now() + LOCK_WAIT;
    loop {
        let taken = disk.lock().map_err(|source| OpenError::Io { folder: folder.to_owned(), source })?;
        if taken {
            return Ok(());
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(OpenError::InUse(folder.to_owned()));
        }
        tokio::time::sleep(LOCK_RETRY).await;
    }
}

/// Opens the index and notes this opening durably, in it and beside it. Needs the lock.
pub(crate) fn open(disk: &dyn Disk, folder: &Path) -> Result<Opened, OpenError> {
    Opening { disk, folder }.open()
}

struct Opening<'d> {
    disk: &'d dyn Disk,
    folder: &'d Path,
}

impl Opening<'_> {
    fn open(&self) -> Result<Opened, OpenError> {
        let identity = self.identity()?;
        self.index_is_there(identity.as_ref())?;
        let log_was_there = is_filled(&log_of(&self.disk.index()));
        if is_filled(&self.disk.index()) {
            // Before it is opened to write, which would change what is no index.
            self.is_ours(&index::look(&self.disk.index()).map_err(|error| self.damaged(&error))?, identity.as_ref())?;
        }
        let mut connection = index::writer(self.disk).map_err(|error| self.damaged(&error))?;
        let found = self.id_and_generation(&mut connection, identity.as_ref())?;
        let (id, generation) = self.agreed(identity.as_ref(), found)?;
        let state = identity.as_ref().map_or(State::Open, |identity| identity.state);
        let same_generation = identity.as_ref().is_some_and(|identity| identity.generation == generation);
        let log_is_gone = identity.is_some() && state == State::Open && same_generation && !log_was_there;
        let is_suspect = log_is_gone || identity.as_ref().is_some_and(|identity| identity.is_suspect);
        let next = Identity { format: FORMAT, id, generation: generation + 1, state: State::Open, is_suspect };
        self.begin(&mut connection, &next).map_err(|error| self.damaged(&error))?;
        next.write(self.disk).map_err(|error| self.io(error))?;
        Ok(Opened {
            connection,
            is_unclean: state != State::Clean,
            log_is_gone,
            identity_was_gone: identity.is_none() && generation > 0,
            identity: next,
        })
    }

    fn io(&self, source: io::Error) -> OpenError {
        OpenError::Io { folder: self.folder.to_owned(), source }
    }

    fn damaged(&self, error: &rusqlite::Error) -> OpenError {
        use rusqlite::ErrorCode::{CannotOpen, DiskFull, ReadOnly, SystemIoFailure};
        match error.sqlite_error_code() {
            Some(CannotOpen | DiskFull | ReadOnly | SystemIoFailure) => self.io(io::Error::other(error.to_string())),
            _ => OpenError::IndexDamaged { folder: self.folder.to_owned(), cause: error.to_string() },
        }
    }

    fn foreign(&self, what: &'static str) -> OpenError {
        OpenError::IndexForeign { folder: self.folder.to_owned(), what }
    }

    fn identity(&self) -> Result<Option<Identity>, OpenError> {
        let read = Identity::read(self.disk);
        let identity = match read {
            // Made again from the index, which is compared as far as it can be.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            read => read.map_err(|error| self.io(error))?,
        };
        match identity {
            Some(Identity { format, .. }) if format != FORMAT => {
                Err(OpenError::UnknownFormat { folder: self.folder.to_owned(), found: format, supported: FORMAT })
            }
            identity => Ok(identity),
        }
    }

    /// An index that is missing or empty is begun anew only where there has never been one.
    fn index_is_there(&self, identity: Option<&Identity>) -> Result<(), OpenError> {
        let names = self.disk.list(Path::new("")).map_err(|error| self.io(error))?;
        if is_filled(&self.disk.index()) {
            return Ok(());
        }
        if names.iter().any(|name| name == "index.redb") {
            return Err(OpenError::Redb(self.folder.to_owned()));
        }
        if identity.is_some() || self.has_blobs()? {
            return Err(OpenError::IndexGone(self.folder.to_owned()));
        }
        Ok(())
    }

    fn has_blobs(&self) -> Result<bool, OpenError> {
        let list = |path: &Path| match self.disk.list(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|error| self.io(error)),
        };
        for folder in list(Path::new(BLOBS))? {
            if !list(&Path::new(BLOBS).join(folder))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a database is an index; `false`: it is empty, and may be made one.
    fn is_ours(&self, connection: &Connection, identity: Option<&Identity>) -> Result<bool, OpenError> {
        match index::kind(connection).map_err(|error| self.damaged(&error))? {
            Kind::Ours => Ok(true),
            Kind::Version(found) => {
                Err(OpenError::UnknownFormat { folder: self.folder.to_owned(), found, supported: FORMAT })
            }
            Kind::Foreign => Err(self.foreign("it is another program's database")),
            Kind::Empty if identity.is_some() || self.has_blobs()? => Err(OpenError::IndexGone(self.folder.to_owned())),
            Kind::Empty => Ok(false),
        }
    }

    /// What the index says; makes it where it is new.
    fn id_and_generation(
        &self,
        connection: &mut Connection,
        identity: Option<&Identity>,
    ) -> Result<(String, u32), OpenError> {
        if !self.is_ours(connection, identity)? {
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(|error| self.io(io::Error::other(error.to_string())))?;
            index::create(self.disk, connection, &hex::encode(random)).map_err(|error| self.damaged(&error))?;
        }
        let rows = Rows(connection);
        let read = || Ok((rows.get::<String>("id")?, rows.get::<u32>("generation")?));
        match read().map_err(|error: rusqlite::Error| self.damaged(&error))? {
            (Some(id), Some(generation)) => Ok((id, generation)),
            _ => Err(self.foreign("it does not say which folder it belongs to")),
        }
    }

    /// Both sides know the id and the generation, and the index counts first.
    fn agreed(&self, identity: Option<&Identity>, (id, generation): (String, u32)) -> Result<(String, u32), OpenError> {
        match identity {
            Some(identity) if identity.id != id => Err(self.foreign("it belongs to another folder")),
            Some(identity) if identity.generation > generation => Err(self.foreign("it is an older copy")),
            // Both may be copies: then the files are of later openings.
            _ if self.latest_blobs()? > generation => Err(self.foreign("it is an older copy")),
            _ => Ok((id, generation)),
        }
    }

    /// The latest opening that files are of, told by the names of their folders.
    fn latest_blobs(&self) -> Result<u32, OpenError> {
        let folders = match self.disk.list(Path::new(BLOBS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(|error| self.io(error))?,
        };
        Ok(folders.iter().filter_map(|name| generation_of(name)).max().unwrap_or(0))
    }

    fn begin(&self, connection: &mut Connection, identity: &Identity) -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        Rows(&transaction).set("generation", &identity.generation)?;
        let mut transaction = Some(transaction);
        self.disk.commit(&mut || transaction.take().map_or(Ok(()), rusqlite::Transaction::commit))
    }
}

/// The write-ahead log of an index.
pub(crate) fn log_of(index: &Path) -> PathBuf {
    let mut log = index.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

fn is_filled(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}
