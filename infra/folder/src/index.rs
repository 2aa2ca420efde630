//! The index: what exists. One SQLite database, written by one connection, read by others beside it.

use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::disk::Disk;
use crate::error::StoreError;
use crate::rows::Rows;

/// In the header of the file, so that another database is not taken for ours: "STCH".
const APPLICATION_ID: i64 = 0x5354_4348;
/// Changes with the tables.
const SCHEMA: i64 = 1;
/// Somebody may look into the index with a shell of SQLite's.
const BUSY: Duration = Duration::from_secs(5);
/// Readers that wait for work; more are opened and closed as they are needed.
const IDLE_READERS: usize = 4;

const TABLES: &str = "
    CREATE TABLE store (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;
    CREATE TABLE buckets (name TEXT PRIMARY KEY, record TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
    CREATE TABLE objects (
        id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL,
        head TEXT NOT NULL, files TEXT, sum INTEGER NOT NULL, files_sum INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX objects_by_key ON objects (bucket, key);
    CREATE TABLE bodies (object INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
    CREATE TABLE uploads (
        bucket TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, record TEXT NOT NULL, sum INTEGER NOT NULL,
        PRIMARY KEY (bucket, key, id)
    ) STRICT;
    CREATE TABLE parts (
        upload TEXT NOT NULL, number INTEGER NOT NULL, record TEXT NOT NULL, sum INTEGER NOT NULL,
        PRIMARY KEY (upload, number)
    ) STRICT;
";

/// What is set for every connection. `secure_delete`: what is deleted is overwritten, too. No `mmap_size`: a bad disk
/// would end the process.
fn prepare(connection: &Connection, cache_kib: u32) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(&format!(
        "PRAGMA cache_size = -{cache_kib}; PRAGMA mmap_size = 0; PRAGMA temp_store = memory; PRAGMA secure_delete = on; \
         PRAGMA trusted_schema = off; PRAGMA cell_size_check = on;"
    ))
}

/// Opens the one connection that writes.
pub(crate) fn writer(disk: &dyn Disk) -> rusqlite::Result<Connection> {
    writer_with(disk, OpenFlags::SQLITE_OPEN_CREATE)
}

/// The same for an index that is there.
pub(crate) fn writer_again(disk: &dyn Disk) -> rusqlite::Result<Connection> {
    writer_with(disk, OpenFlags::empty())
}

fn writer_with(disk: &dyn Disk, create: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let connection = Connection::open_with_flags(disk.index(), flags)?;
    prepare(&connection, 4096)?;
    // The log stays when the connection is closed, so that a log that is gone can be noticed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let synchronous = if disk.is_durable() { "full" } else { "off" };
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = wal; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 2000; \
         PRAGMA journal_size_limit = 16777216;"
    ))?;
    Ok(connection)
}

/// Takes the write-ahead log into the index and closes it.
pub(crate) fn close(connection: Connection) -> rusqlite::Result<()> {
    let busy = connection.query_row("PRAGMA wal_checkpoint(truncate)", [], |row| row.get::<_, bool>(0))?;
    if busy {
        // Somebody reads: the log stays, and the next opening takes it in.
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(code, None));
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.close().map_err(|(_, error)| error)
}

/// What kind of database a file is.
pub(crate) enum Kind {
    /// Nothing was ever written to it.
    Empty,
    /// An index.
    Ours,
    /// An index of another version.
    Version(u64),
    /// Something else.
    Foreign,
}

pub(crate) fn kind(connection: &Connection) -> rusqlite::Result<Kind> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(match (number("PRAGMA application_id")?, number("PRAGMA user_version")?) {
        (0, 0) if tables == 0 => Kind::Empty,
        (APPLICATION_ID, SCHEMA) => Kind::Ours,
        (APPLICATION_ID, other) => Kind::Version(other.unsigned_abs()),
        _ => Kind::Foreign,
    })
}

/// Makes the tables, all of them or none.
pub(crate) fn create(disk: &dyn Disk, connection: &mut Connection, id: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA};"))?;
    let rows = Rows(&transaction);
    rows.set("id", &id)?;
    rows.set("generation", &0)?;
    let mut transaction = Some(transaction);
    disk.commit(&mut || transaction.take().map_or(Ok(()), rusqlite::Transaction::commit))
}

/// Connections that read.
#[derive(Debug)]
pub(crate) struct Readers {
    disk: Arc<dyn Disk>,
    /// `None` once closed.
    idle: Mutex<Option<Vec<Connection>>>,
    /// Keeps what SQLite's connections share in memory. Without it a writer that is opened again after a failed sync would
    /// take from the log what never reached the disk.
    keeper: Mutex<Option<Connection>>,
}

impl Readers {
    /// Needs the index to be there.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> rusqlite::Result<Self> {
        let keeper = reader(&disk.index())?;
        Rows(&keeper).get::<i64>("generation")?;
        Ok(Self { disk, idle: Mutex::new(Some(Vec::new())), keeper: Mutex::new(Some(keeper)) })
    }

    /// A consistent view of the index, from its first read on.
    pub(crate) fn snapshot(self: &Arc<Self>) -> Result<Snapshot, StoreError> {
        let waiting = match self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(idle) => idle.pop(),
            None => return Err(StoreError::Closed),
        };
        let connection = match waiting {
            Some(connection) => connection,
            None => reader(&self.disk.index())?,
        };
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Snapshot { connection: Some(connection), readers: Arc::clone(self) })
    }

    /// Closes those that are idle; those that are busy follow.
    pub(crate) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn put_back(&self, connection: Connection) {
        if connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])).is_err() {
            return;
        }
        if let Some(idle) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
            && idle.len() < IDLE_READERS
        {
            idle.push(connection);
        }
    }
}

/// Opens a connection that reads. Changes nothing, whatever the file is.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection, 1024)?;
    Ok(connection)
}

/// Opens a file to see what it is, and changes nothing. Only what a process that was killed has left half done is taken
/// back, as SQLite does with any file that is opened: a connection that reads alone cannot.
pub(crate) fn look(path: &Path) -> rusqlite::Result<Connection> {
    match reader(path).and_then(|connection| kind(&connection).map(|_| connection)) {
        Err(error) if is_half_done(&error) => {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            prepare(&connection, 1024)?;
            Ok(connection)
        }
        looked => looked,
    }
}

/// A rollback journal lies beside the file: nobody makes one but the first start, until the file has a write-ahead log.
fn is_half_done(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

/// A view of the index that no commit changes. While it lives the write-ahead log grows, so it is not kept for long.
pub(crate) struct Snapshot {
    connection: Option<Connection>,
    readers: Arc<Readers>,
}

impl Snapshot {
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows(self)
    }
}

impl Deref for Snapshot {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        // Taken by `drop` alone.
        self.connection.as_ref().unwrap_or_else(|| unreachable!("a snapshot that is in use has a connection"))
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers.put_back(connection);
        }
    }
}
