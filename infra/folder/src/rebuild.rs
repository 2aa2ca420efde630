//! Makes the index again: from what of it can be read, and from what the files say of themselves.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags};

use crate::address::Address;
use crate::disk::{Disk, FileSystem};
use crate::error::{OpenError, StoreError};
use crate::identity::{FORMAT, Identity, State};
use crate::index::{self, Kind};
use crate::inventory::{Files, has};
use crate::opening::{self, log_of};
use crate::record::{BucketRecord, Digest, ObjectRecord, Place};
use crate::rows::Rows;
use crate::sweep;

/// What has come of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Objects that the index has had and still has.
    pub kept: u64,
    /// Objects that were put back, from the old index or from the files.
    pub restored: u64,
    /// Their bytes.
    pub restored_bytes: u64,
    /// Files that do not say, or no longer say, what they are; they stay where they are and are put aside at the next start.
    pub unreadable: u64,
    /// Where the old index is, if it could not be kept.
    pub old_index: Option<PathBuf>,
}

/// Makes the index in `dir` again. Files are neither changed nor removed; an index that cannot be kept is moved aside.
/// What was stored in the index alone (bodies of up to 32 KiB) comes back only as far as the old index can be read.
///
/// # Errors
/// The folder is in use, or cannot be read or written.
pub async fn rebuild(dir: &Path) -> Result<Rebuilt, OpenError> {
    let io = |source| OpenError::Io { folder: dir.to_owned(), source };
    if !dir.is_dir() {
        return Err(io(io::ErrorKind::NotFound.into()));
    }
    let (disk, _) = FileSystem::open(dir).map_err(io)?;
    opening::lock(&disk, dir).await?;
    let rebuilt = run(&disk).map_err(|error| match error {
        StoreError::Io(source) => io(source),
        error => OpenError::IndexDamaged { folder: dir.to_owned(), cause: error.to_string() },
    });
    disk.unlock();
    rebuilt
}

fn run(disk: &FileSystem) -> Result<Rebuilt, StoreError> {
    let identity = Identity::read(disk).ok().flatten();
    sweep::take_back(disk)?;
    let files = Files::read(disk)?;
    let (mut connection, id, counted, old) = match kept_index(disk, identity.as_ref()) {
        Some((connection, id, counted)) => (connection, id, counted, Vec::new()),
        None => {
            set_aside(disk)?;
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(StoreError::Random)?;
            let id = hex::encode(random);
            let mut connection = index::writer(disk)?;
            index::create(disk, &mut connection, &id)?;
            (connection, id, 0, with_end(disk, DAMAGED)?)
        }
    };
    let generation = counted.max(identity.map_or(0, |identity| identity.generation)).max(files.generation) + 1;
    let transaction = connection.transaction()?;
    let mut fill = Fill { rows: Rows(&transaction), disk, rebuilt: Rebuilt::default() };
    fill.count()?;
    // What was set aside last is the newest.
    old.iter().rev().for_each(|old| fill.salvage(old));
    fill.take_files(&files)?;
    let mut rebuilt = fill.rebuilt;
    Rows(&transaction).set("generation", &generation)?;
    transaction.commit()?;
    rebuilt.unreadable = files.unreadable;
    Identity { format: FORMAT, id, generation, state: State::Closing, is_suspect: false }.write(disk)?;
    index::close(connection)?;
    for old in &old {
        // Another repair must not bring back what is deleted from now on.
        let replaced = old.with_extension(REPLACED);
        rename_index(old, &replaced)?;
        rebuilt.old_index = Some(replaced);
    }
    Ok(rebuilt)
}

/// What the name of an index ends with that could not be kept, until what can be read of it is in the new one, and then.
const DAMAGED: &str = "damaged";
const REPLACED: &str = "replaced";

/// The files beside the index whose names end so, oldest first.
fn with_end(disk: &FileSystem, end: &str) -> io::Result<Vec<PathBuf>> {
    let names = disk.list(Path::new(""))?.into_iter().filter(|name| name.starts_with("index-"));
    let paths = names.map(|name| disk.index().with_file_name(name));
    Ok(paths.filter(|path| path.extension().is_some_and(|found| found == end)).collect())
}

/// The index that is there, if it is whole and belongs here; with its id and how often it was opened. Changes nothing else.
fn kept_index(disk: &FileSystem, identity: Option<&Identity>) -> Option<(Connection, String, u32)> {
    if !disk.index().is_file() {
        return None;
    }
    let reader = index::look(&disk.index()).ok()?;
    let is_ours = matches!(index::kind(&reader), Ok(Kind::Ours));
    let verdict = || reader.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    if !is_ours || !verdict().is_ok_and(|verdict| verdict == "ok") {
        return None;
    }
    let id = Rows(&reader).get::<String>("id").ok().flatten()?;
    let generation = Rows(&reader).get::<u32>("generation").ok().flatten()?;
    let belongs = identity.is_none_or(|identity| identity.id == id);
    let writer = index::writer_again(disk).ok()?;
    belongs.then_some((writer, id, generation))
}

/// Gives the old index another name, with its log, or a log without its index: SQLite would delete that.
fn set_aside(disk: &FileSystem) -> io::Result<()> {
    let index = disk.index();
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    rename_index(&index, &index.with_file_name(format!("index-{stamp:015}.{DAMAGED}")))?;
    let mut shared = index.as_os_str().to_owned();
    shared.push("-shm");
    // Made again by whoever opens the index.
    let _ = fs::remove_file(shared);
    disk.sync_dir(Path::new(""))
}

fn rename_index(from: &Path, to: &Path) -> io::Result<()> {
    for (from, to) in [(from.to_owned(), to.to_owned()), (log_of(from), log_of(to))] {
        match fs::rename(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Puts into the new index what is found, the surer sources first.
struct Fill<'t> {
    rows: Rows<'t>,
    disk: &'t FileSystem,
    rebuilt: Rebuilt,
}

impl Fill<'_> {
    fn count(&mut self) -> Result<(), StoreError> {
        let kept = self.rows.0.query_row("SELECT count(*) FROM objects", [], |row| row.get::<_, i64>(0))?;
        self.rebuilt.kept = kept.unsigned_abs();
        Ok(())
    }

    /// What can be read of an index that is damaged.
    fn salvage(&mut self, old: &Path) {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let Ok(connection) = Connection::open_with_flags(old, flags) else { return };
        for name in names(&connection).unwrap_or_default() {
            if let (Ok(Some(record)), Ok(None)) = (Rows(&connection).bucket(&name), self.rows.bucket(&name)) {
                let _ = self.rows.put_bucket(&name, &record);
            }
        }
        // From both ends, as far as the damage lets it: what ends it is the damage that it is made for.
        for order in ["id", "id DESC", "bucket, key", "bucket DESC, key DESC"] {
            let _ = self.salvage_objects(&connection, order);
        }
    }

    fn salvage_objects(&mut self, old: &Connection, order: &str) -> Result<(), StoreError> {
        let mut statement = old.prepare(&format!("SELECT bucket, key FROM objects ORDER BY {order}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (Ok(bucket), Ok(key)) = (row.get(0), row.get(1)) else { continue };
            let at = Address { bucket, key };
            if self.has_whole(&at) {
                continue;
            }
            let Ok(Some(stored)) = Rows(old).object(&at) else { continue };
            let body = match stored.record.place {
                Place::Inside => Rows(old).body(&stored).unwrap_or_default(),
                Place::Files(_) => Bytes::new(),
            };
            if self.is_whole(&stored.record, &body) {
                self.put(&at, &stored.record, Some(&body))?;
            }
        }
        Ok(())
    }

    fn take_files(&mut self, files: &Files) -> Result<(), StoreError> {
        for ((bucket, key), (head, segments)) in &files.objects {
            let at = Address { bucket: bucket.clone(), key: key.clone() };
            if !self.has_whole(&at) {
                let record = ObjectRecord { head: head.clone(), place: Place::Files(segments.clone()) };
                self.put(&at, &record, None)?;
            }
        }
        Ok(())
    }

    /// Whether the index has an object there whose bytes can be there.
    fn has_whole(&self, at: &Address) -> bool {
        let Ok(Some(stored)) = self.rows.object(at) else { return false };
        let body = self.rows.body(&stored).unwrap_or_default();
        self.is_whole(&stored.record, &body)
    }

    fn is_whole(&self, record: &ObjectRecord, body: &Bytes) -> bool {
        let head = &record.head;
        match &record.place {
            Place::Inside => {
                head.size == body.len() as u64 && head.sha256.is_none_or(|sha256| sha256 == Digest::of(body))
            }
            Place::Files(segments) => segments.iter().all(|segment| has(self.disk, segment)),
        }
    }

    fn put(&mut self, at: &Address, record: &ObjectRecord, body: Option<&Bytes>) -> Result<(), StoreError> {
        if self.rows.remove_damaged(at)? {
            self.rebuilt.kept = self.rebuilt.kept.saturating_sub(1);
        }
        if !matches!(self.rows.bucket(&at.bucket), Ok(Some(_))) {
            let created = record.head.modified;
            self.rows.put_bucket(&at.bucket, &BucketRecord { created, ..BucketRecord::default() })?;
        }
        self.rebuilt.restored += 1;
        self.rebuilt.restored_bytes += record.head.size;
        self.rows.put_object(at, record, body, None)
    }
}

fn names(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM buckets")?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}
