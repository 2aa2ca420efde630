//! Makes the index again: from what of it can be read, and from what the files say of themselves.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, Transaction};

use crate::blobs::{BLOBS, BlobId, Blobs, LABEL};
use crate::disk::{Disk, FileSystem};
use crate::error::{OpenError, StoreError};
use crate::footer::{Checked, Label};
use crate::identity::{FORMAT, Identity, State};
use crate::index::{self, Kind};
use crate::objects::Address;
use crate::opening::{self, log_of};
use crate::record::{BucketRecord, Digest, ObjectHead, ObjectRecord, Place, Segment};
use crate::rows::Rows;

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
    let mut rebuilt = Rebuilt::default();
    let identity = Identity::read(disk).ok().flatten();
    let files = Files::read(disk)?;
    let mut salvaged = Salvage::default();
    let kept = kept_index(disk, identity.as_ref());
    let (mut connection, id, counted) = match kept {
        Some(kept) => kept,
        None => {
            rebuilt.old_index = set_aside(disk)?;
            if let Some(old) = &rebuilt.old_index {
                salvaged = Salvage::from(old);
            }
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(StoreError::Random)?;
            let id = hex::encode(random);
            let mut connection = index::writer(disk)?;
            index::create(disk, &mut connection, &id)?;
            (connection, id, 0)
        }
    };
    let generation = counted.max(identity.map_or(0, |identity| identity.generation)).max(files.generation) + 1;
    let transaction = connection.transaction()?;
    fill(&transaction, salvaged, &files, &mut rebuilt)?;
    Rows(&transaction).set("generation", &generation)?;
    transaction.commit()?;
    rebuilt.unreadable = files.unreadable;
    Identity { format: FORMAT, id, generation, state: State::Closing }.write(disk)?;
    index::close(connection)?;
    Ok(rebuilt)
}

/// The index that is there, if it is whole and belongs here; with its id and how often it was opened.
fn kept_index(disk: &FileSystem, identity: Option<&Identity>) -> Option<(Connection, String, u32)> {
    if !disk.index().is_file() {
        return None;
    }
    let connection = index::writer(disk).ok()?;
    let is_ours = matches!(index::kind(&connection), Ok(Kind::Ours));
    let sound = |connection: &Connection| {
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0)).is_ok_and(|it| it == "ok")
    };
    if !is_ours || !sound(&connection) {
        return None;
    }
    let id = Rows(&connection).get::<String>("id").ok().flatten()?;
    let generation = Rows(&connection).get::<u32>("generation").ok().flatten()?;
    let belongs = identity.is_none_or(|identity| identity.id == id);
    belongs.then_some((connection, id, generation))
}

/// Gives the old index another name, with its log; `None` where there is none.
fn set_aside(disk: &FileSystem) -> io::Result<Option<PathBuf>> {
    let index = disk.index();
    if !index.try_exists()? {
        return Ok(None);
    }
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let old = index.with_file_name(format!("index-{stamp}.damaged"));
    if log_of(&index).try_exists()? {
        fs::rename(log_of(&index), log_of(&old))?;
    }
    let mut shared = index.as_os_str().to_owned();
    shared.push("-shm");
    // Made again by whoever opens the index.
    let _ = fs::remove_file(shared);
    fs::rename(&index, &old)?;
    Ok(Some(old))
}

/// What can be read of an index that is damaged.
#[derive(Default)]
struct Salvage {
    buckets: Vec<(String, BucketRecord)>,
    objects: HashMap<(String, String), (ObjectRecord, bytes::Bytes)>,
}

impl Salvage {
    fn from(old: &Path) -> Self {
        let mut salvage = Self::default();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let Ok(connection) = Connection::open_with_flags(old, flags) else { return salvage };
        salvage.buckets = Rows(&connection).buckets().unwrap_or_default();
        // From both ends, as far as the damage lets it.
        for order in ["id", "id DESC", "bucket, key", "bucket DESC, key DESC"] {
            // What ends it is the damage that it is made for.
            let _ = salvage.take_objects(&connection, order);
        }
        salvage
    }

    fn take_objects(&mut self, connection: &Connection, order: &str) -> Result<(), StoreError> {
        let mut statement = connection.prepare(&format!("SELECT bucket, key FROM objects ORDER BY {order}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (bucket, key): (String, String) = match (row.get(0), row.get(1)) {
                (Ok(bucket), Ok(key)) => (bucket, key),
                _ => continue,
            };
            if self.objects.contains_key(&(bucket.clone(), key.clone())) {
                continue;
            }
            let at = Address { bucket: bucket.clone(), key: key.clone() };
            let Ok(Some(stored)) = Rows(connection).object(&at) else { continue };
            let body = match stored.record.place {
                Place::Inside => Rows(connection).body(&stored).unwrap_or_default(),
                Place::Files(_) => bytes::Bytes::new(),
            };
            let head = &stored.record.head;
            let is_whole = stored.record.place != Place::Inside
                || (head.size == body.len() as u64 && head.sha256.is_none_or(|sha256| sha256 == Digest::of(&body)));
            if is_whole {
                self.objects.insert((bucket, key), (stored.record, body));
            }
        }
        Ok(())
    }
}

/// What the files say.
#[derive(Default)]
struct Files {
    /// The newest for each bucket and key.
    objects: BTreeMap<(String, String), (ObjectHead, Vec<Segment>)>,
    unreadable: u64,
    /// The highest that a file's name has.
    generation: u32,
}

impl Files {
    fn read(disk: &FileSystem) -> Result<Self, StoreError> {
        let mut files = Self::default();
        let blobs = Blobs::reading(disk);
        let names = match disk.list(Path::new(BLOBS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            listed => listed?,
        };
        let mut labelled = HashSet::new();
        for folder in names {
            let folder = Path::new(BLOBS).join(folder);
            let mut names = disk.list(&folder).unwrap_or_default();
            // Labels first: they say more than the footers of the files that they are for.
            names.sort_by_key(|name| !name.ends_with(LABEL));
            for name in names {
                let is_label = name.ends_with(LABEL);
                let Some(id) = BlobId::parse(name.strip_suffix(LABEL).unwrap_or(&name)) else { continue };
                files.generation = files.generation.max(id.generation);
                if labelled.contains(&id) {
                    continue;
                }
                let read = disk.open(&folder.join(&name)).map_err(crate::footer::ReadError::from);
                let file = read.and_then(|file| Checked::of(file, name.clone()));
                match file.and_then(|file| Ok((file.len(), file.label()?))) {
                    Ok((len, label)) => {
                        if is_label {
                            labelled.insert(id);
                        }
                        files.take(&blobs, id, len, label);
                    }
                    Err(_) => files.unreadable += 1,
                }
            }
        }
        Ok(files)
    }

    fn take(&mut self, blobs: &Reading<'_>, id: BlobId, len: u64, label: Label) {
        let Label::Object { bucket, key, head, mut segments } = label else { return };
        if segments.is_empty() {
            let Some(sha256) = head.sha256.filter(|_| head.size == len) else { return };
            segments.push(Segment { blob: id, len, sha256 });
        }
        let is_whole = segments.iter().all(|segment| blobs.has(segment));
        if !is_whole {
            self.unreadable += 1;
            return;
        }
        let at = (bucket, key);
        if self.objects.get(&at).is_none_or(|(known, _)| known.modified < head.modified) {
            self.objects.insert(at, (head, segments));
        }
    }
}

/// Looks at blobs without taking the folder.
struct Reading<'d>(&'d FileSystem);

impl Reading<'_> {
    fn has(&self, segment: &Segment) -> bool {
        let opened = self.0.open(&segment.blob.path()).map_err(crate::footer::ReadError::from);
        opened.and_then(|file| Checked::of(file, String::new())?.of_length(segment.len)).is_ok()
    }
}

impl Blobs {
    fn reading(disk: &FileSystem) -> Reading<'_> {
        Reading(disk)
    }
}

fn fill(
    transaction: &Transaction<'_>,
    salvage: Salvage,
    files: &Files,
    rebuilt: &mut Rebuilt,
) -> Result<(), StoreError> {
    let rows = Rows(transaction);
    let kept = transaction.query_row("SELECT count(*) FROM objects", [], |row| row.get::<_, i64>(0))?;
    rebuilt.kept = kept.unsigned_abs();
    for (name, record) in &salvage.buckets {
        rows.put_bucket(name, record)?;
    }
    let mut put = |at: Address, record: ObjectRecord, body: Option<&bytes::Bytes>| -> Result<(), StoreError> {
        match rows.object(&at) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(StoreError::Damaged { .. }) => {
                rows.remove_damaged(&at)?;
                rebuilt.kept = rebuilt.kept.saturating_sub(1);
            }
            Err(error) => return Err(error),
        }
        if !matches!(rows.bucket(&at.bucket), Ok(Some(_))) {
            rows.put_bucket(&at.bucket, &BucketRecord { created: record.head.modified, ..BucketRecord::default() })?;
        }
        rebuilt.restored += 1;
        rebuilt.restored_bytes += record.head.size;
        rows.put_object(&at, &record, body, None)
    };
    for ((bucket, key), (record, body)) in salvage.objects {
        put(Address { bucket, key }, record, Some(&body))?;
    }
    for ((bucket, key), (head, segments)) in &files.objects {
        let at = Address { bucket: bucket.clone(), key: key.clone() };
        put(at, ObjectRecord { head: head.clone(), place: Place::Files(segments.clone()) }, None)?;
    }
    Ok(())
}
