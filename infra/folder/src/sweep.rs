//! Files that the index does not name: moved aside after a crash, never deleted on the word of an index. What is aside for
//! long is removed.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use crate::blob_id::{BLOBS, BlobId, LABEL, generation_of};
use crate::blobs::Blobs;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::folder::Store;
use crate::index::Snapshot;
use crate::watch::{Notice, QUARANTINE_DAYS};

/// Where files are moved.
pub(crate) const QUARANTINE: &str = "quarantine";
const SECONDS_PER_DAY: u64 = 86_400;

/// The folder of a day, such as `quarantine/2026-11-26`.
fn folder_of(now: u64) -> Option<PathBuf> {
    day(now / 1000).map(|day| Path::new(QUARANTINE).join(day))
}

fn day(seconds: u64) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    Some(moment.date().to_string())
}

impl Store {
    /// Removes what has been in the quarantine for long, and takes the reserve again. To be called now and then.
    ///
    /// # Errors
    /// The disk failed.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        let store = self.clone();
        tokio::task::spawn_blocking(move || {
            store.room().restore();
            let files = empty(store.blobs().disk(), store.now())?;
            if files > 0 {
                store.watch().say(&Notice::QuarantineEmptied { files });
            }
            Ok(())
        })
        .await?
    }
}

/// Moves what the index of a snapshot does not name aside; gives what there is to say of it.
pub(crate) fn sweep_with(blobs: &Blobs, snapshot: Snapshot, now: u64) -> Result<Option<Notice>, StoreError> {
    let mut named: HashSet<BlobId> = HashSet::new();
    snapshot.rows().each_file(|segment| {
        named.insert(segment.blob);
    })?;
    // A view that is kept keeps the write-ahead log.
    drop(snapshot);
    let Some(aside) = folder_of(now) else { return Ok(None) };
    let files = sweep(blobs, &named, &aside)?;
    let folder = aside.display().to_string();
    Ok((files > 0).then_some(Notice::Quarantined { files, folder }))
}

/// Moves what belongs to an earlier opening and is not `named` into `aside`; says how many files.
///
/// `named` must hold every blob of an earlier generation that the index named when, or after, the store opened.
/// Blobs of this generation are never touched, so writes in progress are safe.
fn sweep(blobs: &Blobs, named: &HashSet<BlobId>, aside: &Path) -> io::Result<usize> {
    let disk = blobs.disk();
    let mut moved = 0;
    for folder in disk.list(Path::new(BLOBS))? {
        let folder = Path::new(BLOBS).join(folder);
        let Ok(names) = disk.list(&folder) else { continue };
        let mut left = names.len();
        for name in names {
            let id = BlobId::parse(name.strip_suffix(LABEL).unwrap_or(&name));
            if id.is_none_or(|id| id.generation >= blobs.generation() || named.contains(&id)) {
                continue;
            }
            if moved == 0 {
                disk.create_dir(Path::new(QUARANTINE))?;
                disk.create_dir(aside)?;
            }
            disk.rename(&folder.join(&name), &aside.join(&name))?;
            left -= 1;
            moved += 1;
        }
        if left == 0 && is_old(&folder, blobs.generation()) {
            // One that is not empty after all is left.
            let _ = disk.remove_dir(&folder);
        }
    }
    Ok(moved)
}

/// Whether no more files come into a folder.
fn is_old(folder: &Path, generation: u32) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    generation_of(name).is_some_and(|of| of < generation)
}

/// Moves what is aside back to its places, for a repair to look at. What is still nobody's is put aside again by the next
/// start.
pub(crate) fn take_back(disk: &dyn Disk) -> io::Result<()> {
    let list = |path: &Path| match disk.list(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    };
    for day in list(Path::new(QUARANTINE))?.iter().filter(|day| is_day(day)) {
        let aside = Path::new(QUARANTINE).join(day);
        for name in list(&aside)? {
            let Some(id) = BlobId::parse(name.strip_suffix(LABEL).unwrap_or(&name)) else { continue };
            disk.create_dir(Path::new(BLOBS))?;
            disk.create_dir(&id.folder())?;
            let place = id.folder().join(&name);
            if disk.open(&place).is_err() {
                disk.rename(&aside.join(&name), &place)?;
                disk.sync_dir(&id.folder())?;
            }
        }
        // One in which something is left stays.
        let _ = disk.remove_dir(&aside);
    }
    Ok(())
}

/// Whether a name is a day's, and not somebody's own.
fn is_day(name: &str) -> bool {
    let is_shaped = |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    name.len() == 10 && name.bytes().enumerate().all(is_shaped)
}

/// Removes what has been aside for longer than [`QUARANTINE_DAYS`]; says how many files.
pub(crate) fn empty(disk: &dyn Disk, now: u64) -> io::Result<usize> {
    let Some(oldest) = day((now / 1000).saturating_sub(QUARANTINE_DAYS * SECONDS_PER_DAY)) else { return Ok(0) };
    let days = match disk.list(Path::new(QUARANTINE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        listed => listed?,
    };
    let mut removed = 0;
    // Names of days sort as the days do.
    for day in days.iter().filter(|day| is_day(day) && **day < oldest) {
        let folder = Path::new(QUARANTINE).join(day);
        for name in disk.list(&folder)? {
            disk.remove(&folder.join(name))?;
            removed += 1;
        }
        disk.remove_dir(&folder)?;
    }
    Ok(removed)
}
