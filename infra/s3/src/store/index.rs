//! The index: what exists. Tables in one redb file, opened alone by one process.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redb::{
    Builder, Database, DatabaseError, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, Table,
    TableDefinition, WriteTransaction,
};

use super::blobs::{BlobId, PendingBlob};
use super::error::{OpenError, StoreError};
use super::events::ObjectCreated;
use super::record::{ObjectRecord, PartRecord, Segment, decode};
use super::usage::Change;

type Bytes = &'static [u8];
/// Bucket, then key in UTF-8 bytes: sorted as S3 lists.
pub(crate) type ObjectKey = (&'static str, Bytes);
/// Bucket, key, upload id.
pub(crate) type UploadKey = (&'static str, Bytes, &'static str);
/// Upload id, part number.
pub(crate) type PartKey = (&'static str, u32);

const STORE: TableDefinition<&str, u64> = TableDefinition::new("store");
const BUCKETS: TableDefinition<&str, &[u8]> = TableDefinition::new("buckets");
const OBJECTS: TableDefinition<ObjectKey, &[u8]> = TableDefinition::new("objects");
const UPLOADS: TableDefinition<UploadKey, &[u8]> = TableDefinition::new("uploads");
const PARTS: TableDefinition<PartKey, &[u8]> = TableDefinition::new("parts");

const INDEX: &str = "index.redb";
/// What the name of an index begins with while it is made.
const DRAFT: &str = "index.new-";
const FORMAT: u64 = 1;
/// The pages a store of a million objects touches for a handful of requests; redb's default is 1 GiB.
const CACHE_BYTES: usize = 8 << 20;
/// How long a predecessor that is shutting down is waited for, and how often it is looked at.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// What the index knew when it was opened.
pub(crate) struct Opened {
    pub database: Database,
    /// Counts the openings, from 1.
    pub generation: u32,
    /// The predecessor may have left blobs that the index does not name.
    pub unclean: bool,
}

/// Opens or creates the index in `folder`, waiting for a predecessor's lock, and notes this opening durably.
pub(crate) async fn open(folder: &Path) -> Result<Opened, OpenError> {
    let database = lock(folder).await?;
    let owned: PathBuf = folder.to_owned();
    let index = |error: redb::Error| OpenError::Index { folder: owned.clone(), source: Box::new(error) };
    let (format, generation, unclean) = begin(&database).map_err(index)?;
    if format != FORMAT {
        return Err(OpenError::UnknownFormat { folder: owned, found: format, supported: FORMAT });
    }
    Ok(Opened { database, generation, unclean })
}

async fn lock(folder: &Path) -> Result<Database, OpenError> {
    let deadline = tokio::time::Instant::now() + LOCK_WAIT;
    loop {
        let opened =
            create(folder).and_then(|()| Builder::new().set_cache_size(CACHE_BYTES).create(folder.join(INDEX)));
        match opened {
            Ok(database) => return Ok(database),
            Err(DatabaseError::DatabaseAlreadyOpen) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(OpenError::InUse(folder.to_owned())),
            Err(error) => {
                return Err(OpenError::Index { folder: folder.to_owned(), source: Box::new(error.into()) });
            }
        }
    }
}

/// Makes an empty index where there is none, all of it or nothing: redb cannot open what it was stopped in the middle of
/// making.
fn create(folder: &Path) -> Result<(), DatabaseError> {
    let index = folder.join(INDEX);
    if index.try_exists()? {
        return Ok(());
    }
    let draft =
        folder.join(format!("{DRAFT}{:016x}", getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?));
    drop(Builder::new().create(&draft)?);
    let linked = fs::hard_link(&draft, &index);
    fs::remove_file(&draft)?;
    match linked {
        // Another process was faster; who of both has the folder is decided by the lock.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(File::open(folder)?.sync_all()?),
    }
}

/// Creates the tables, counts the opening. Writes nothing where the format is another.
fn begin(database: &Database) -> Result<(u64, u32, bool), redb::Error> {
    let transaction = begin_write(database)?;
    let (format, generation, clean) = {
        let mut store = transaction.open_table(STORE)?;
        let format = store.get("format")?.map_or(FORMAT, |value| value.value());
        let generation = store.get("generation")?.map_or(0, |value| value.value()) + 1;
        let clean = store.insert("clean", 0)?.is_none_or(|value| value.value() == 1);
        store.insert("format", format)?;
        store.insert("generation", generation)?;
        (format, generation, clean)
    };
    if format != FORMAT {
        transaction.abort()?;
        return Ok((format, 0, false));
    }
    Tables::open(&transaction)?;
    transaction.commit()?;
    Ok((format, u32::try_from(generation).unwrap_or(u32::MAX), !clean))
}

/// Notes that no blob is on disk that the index does not name.
pub(crate) fn mark_clean(database: &Database) -> Result<(), StoreError> {
    let transaction = begin_write(database)?;
    transaction.open_table(STORE)?.insert("clean", 1)?;
    Ok(transaction.commit()?)
}

/// Begins a transaction whose commit saves the allocator state: opening after kill -9 then reads a few pages
/// instead of the whole index, for one more fsync per batch.
pub(crate) fn begin_write(database: &Database) -> Result<WriteTransaction, redb::TransactionError> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// The tables in a write transaction, and what to do once it is committed.
pub(crate) struct Tables<'txn> {
    pub buckets: Table<'txn, &'static str, &'static [u8]>,
    pub objects: Table<'txn, ObjectKey, &'static [u8]>,
    pub uploads: Table<'txn, UploadKey, &'static [u8]>,
    pub parts: Table<'txn, PartKey, &'static [u8]>,
    pub after: AfterCommit,
}

/// What takes effect only with the commit.
#[derive(Default)]
pub(crate) struct AfterCommit {
    /// Blobs the index names no longer.
    pub garbage: Vec<BlobId>,
    /// Blobs the index names now.
    pub published: Vec<PendingBlob>,
    /// Whom to tell about.
    pub created: Vec<ObjectCreated>,
    /// What the totals do not know yet.
    pub changed: Vec<Change>,
}

impl<'txn> Tables<'txn> {
    pub(crate) fn open(transaction: &'txn WriteTransaction) -> Result<Self, redb::TableError> {
        Ok(Self {
            buckets: transaction.open_table(BUCKETS)?,
            objects: transaction.open_table(OBJECTS)?,
            uploads: transaction.open_table(UPLOADS)?,
            parts: transaction.open_table(PARTS)?,
            after: AfterCommit::default(),
        })
    }

    /// Gives up the blobs of a replaced or deleted record.
    pub(crate) fn discard(&mut self, segments: &[Segment]) {
        self.after.garbage.extend(segments.iter().map(|segment| segment.blob));
    }
}

/// A consistent view of the index.
pub(crate) struct Snapshot(ReadTransaction);

impl Snapshot {
    pub(crate) fn take(database: &Database) -> Result<Self, StoreError> {
        Ok(Self(database.begin_read()?))
    }

    pub(crate) fn buckets(&self) -> Result<ReadOnlyTable<&'static str, &'static [u8]>, StoreError> {
        Ok(self.0.open_table(BUCKETS)?)
    }

    pub(crate) fn objects(&self) -> Result<ReadOnlyTable<ObjectKey, &'static [u8]>, StoreError> {
        Ok(self.0.open_table(OBJECTS)?)
    }

    pub(crate) fn uploads(&self) -> Result<ReadOnlyTable<UploadKey, &'static [u8]>, StoreError> {
        Ok(self.0.open_table(UPLOADS)?)
    }

    pub(crate) fn parts(&self) -> Result<ReadOnlyTable<PartKey, &'static [u8]>, StoreError> {
        Ok(self.0.open_table(PARTS)?)
    }

    /// Every blob of a generation before `generation` that an object or part is made of.
    pub(crate) fn blobs_before(&self, generation: u32) -> Result<HashSet<BlobId>, StoreError> {
        let mut named = HashSet::new();
        let mut note = |segments: Vec<Segment>| {
            let old = segments.into_iter().map(|segment| segment.blob).filter(|id| id.generation < generation);
            named.extend(old);
        };
        for entry in self.objects()?.iter()? {
            note(decode::<ObjectRecord>(entry?.1.value())?.segments);
        }
        for entry in self.parts()?.iter()? {
            note(decode::<PartRecord>(entry?.1.value())?.segments);
        }
        Ok(named)
    }
}
