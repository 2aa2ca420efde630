//! Blob files: written once under a name that no other blob has ever had, then only read and removed.
//!
//! A blob is on disk before the index names it. What a stopped process leaves without a name in the index is moved to the
//! quarantine by the next opening.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::blob_id::{BLOBS, BlobId};
use crate::damage::{Damage, ReadError};
use crate::disk::{Disk, DiskFile};
use crate::footer::{Checked, Sums};
use crate::label::Label;
use crate::record::{Digest, Segment};

/// The folder. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Blobs(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    disk: Arc<dyn Disk>,
    generation: u32,
    next: AtomicU64,
    /// Files on disk that the index does not (yet, or any more) know.
    loose: AtomicUsize,
    /// Folders that this opening has made.
    made: Mutex<HashSet<PathBuf>>,
}

impl Blobs {
    /// Takes the folder for this opening. Needs the store's lock held.
    pub(crate) fn open(disk: Arc<dyn Disk>, generation: u32) -> io::Result<Self> {
        disk.create_dir(Path::new(BLOBS))?;
        disk.sync_dir(Path::new(""))?;
        let shelf = Shelf {
            disk,
            generation,
            next: AtomicU64::new(0),
            loose: AtomicUsize::new(0),
            made: Mutex::new(HashSet::new()),
        };
        Ok(Self(Arc::new(shelf)))
    }

    /// The generation that ids are given out in.
    pub(crate) fn generation(&self) -> u32 {
        self.0.generation
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.0.disk
    }

    /// How many files are on disk without the index knowing: zero means a sweep would find nothing.
    pub(crate) fn loose(&self) -> usize {
        self.0.loose.load(Ordering::SeqCst)
    }

    /// Begins a blob; it vanishes when dropped before [`Draft::finish`].
    pub(crate) fn begin(&self) -> io::Result<Draft> {
        let id = self.fresh()?;
        let file = self.0.disk.create(&id.path())?;
        self.adopt(1);
        let name = Loose { blobs: self.clone(), id, known: false };
        Ok(Draft { name, file, sums: Sums::default(), sha256: Sha256::new() })
    }

    /// The same with its first bytes, whose SHA-256 is known.
    pub(crate) fn begin_with(&self, bytes: &[u8], sha256: Sha256) -> io::Result<Draft> {
        let mut draft = self.begin()?;
        draft.file.append(bytes)?;
        draft.sums.update(bytes);
        draft.sha256 = sha256;
        Ok(draft)
    }

    /// A second name for a blob's bytes: a hard link, or a copy where the file system has none to give
    /// (`EMLINK` at 65,000 names on ext4, or no links at all).
    pub(crate) fn link(&self, source: &Segment) -> Result<Loose, ReadError> {
        let id = self.fresh()?;
        match self.0.disk.link(&source.blob.path(), &id.path()) {
            Ok(()) => {
                self.adopt(1);
                Ok(Loose { blobs: self.clone(), id, known: false })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(source.blob).into()),
            Err(_) => self.copy(source),
        }
    }

    fn copy(&self, source: &Segment) -> Result<Loose, ReadError> {
        let (from, mut to) = (self.open_blob(source.blob)?, self.begin()?);
        let mut at = 0;
        while at < source.len {
            let end = source.len.min(at + (1 << 20));
            to.append(&from.read(at..end)?)?;
            at = end;
        }
        Ok(to.finish(&from.label()?)?.0)
    }

    /// Opens a blob to read it.
    pub(crate) fn open_blob(&self, id: BlobId) -> Result<Checked, ReadError> {
        Checked::of(self.open_file(id)?, id.to_string())
    }

    /// The same without waiting for what is in it; `None` where that is not in memory.
    pub(crate) fn open_cached(&self, id: BlobId) -> Result<Option<Checked>, ReadError> {
        Checked::of_cached(self.open_file(id)?, id.to_string())
    }

    fn open_file(&self, id: BlobId) -> Result<Box<dyn DiskFile>, ReadError> {
        self.0.disk.open(&id.path()).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(id).into(),
            _ => error.into(),
        })
    }

    /// Says what a blob is whose own footer says something else, durably but for the folder's sync.
    pub(crate) fn label(&self, id: BlobId, label: &Label) -> io::Result<()> {
        // An attempt that failed may have left one.
        let _ = self.0.disk.remove(&id.label_path());
        let mut file = self.0.disk.create(&id.label_path())?;
        file.append(&Sums::default().footer(label)?)?;
        file.sync()
    }

    /// Makes the names of blobs durable: one sync for each folder touched.
    pub(crate) fn sync_names(&self, blobs: impl Iterator<Item = BlobId>) -> io::Result<()> {
        let folders: BTreeSet<PathBuf> = blobs.map(BlobId::folder).collect();
        folders.iter().try_for_each(|folder| self.0.disk.sync_dir(folder))
    }

    /// Removes a blob the index no longer names.
    pub(crate) fn remove(&self, id: BlobId) {
        // A file that is gone already is what was wanted; one that cannot be removed is found by the next sweep.
        if matches!(self.0.disk.remove(&id.path()), Err(error) if error.kind() != io::ErrorKind::NotFound) {
            self.adopt(1);
        }
        // Few have a label of their own. Last: without it the file would be taken for what its footer says.
        let _ = self.0.disk.remove(&id.label_path());
    }

    /// Counts files that the index gave up and that wait for removal.
    pub(crate) fn adopt(&self, files: usize) {
        self.0.loose.fetch_add(files, Ordering::SeqCst);
    }

    /// Counts files as settled: known to the index, or removed.
    pub(crate) fn settle(&self, files: usize) {
        self.0.loose.fetch_sub(files, Ordering::SeqCst);
    }

    fn fresh(&self) -> io::Result<BlobId> {
        let sequence = self.0.next.fetch_add(1, Ordering::Relaxed);
        let id = BlobId { generation: self.0.generation, sequence };
        let mut made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = id.folder();
        if !made.contains(&folder) {
            self.0.disk.create_dir(&folder)?;
            self.0.disk.sync_dir(Path::new(BLOBS))?;
            made.insert(folder);
        }
        Ok(id)
    }
}

fn missing(id: BlobId) -> Damage {
    Damage::Missing(id.to_string())
}

/// A blob being written.
#[derive(Debug)]
pub(crate) struct Draft {
    name: Loose,
    file: Box<dyn DiskFile>,
    sums: Sums,
    sha256: Sha256,
}

impl Draft {
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)?;
        self.sums.update(bytes);
        self.sha256.update(bytes);
        Ok(())
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.sums.len()
    }

    /// The SHA-256 of the bytes so far.
    pub(crate) fn digest(&self) -> Digest {
        Digest(self.sha256.clone().finalize().into())
    }

    /// Writes the footer and makes the file durable, but for its name. The index does not know it yet.
    pub(crate) fn finish(mut self, label: &Label) -> io::Result<(Loose, Digest)> {
        self.file.append(&self.sums.footer(label)?)?;
        self.file.sync()?;
        Ok((self.name, Digest(self.sha256.finalize().into())))
    }
}

/// A blob file that the index does not know yet; removed when dropped without [`Loose::keep`].
#[derive(Debug)]
pub(crate) struct Loose {
    blobs: Blobs,
    pub(crate) id: BlobId,
    known: bool,
}

impl Loose {
    /// The index names the blob now.
    pub(crate) fn keep(mut self) {
        self.known = true;
        self.blobs.settle(1);
    }

    /// Whether the index names the blob is unknown: leave it for the next opening to decide.
    pub(crate) fn abandon(mut self) {
        self.known = true;
    }
}

impl Drop for Loose {
    fn drop(&mut self) {
        if !self.known {
            self.blobs.remove(self.id);
            self.blobs.settle(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::FileSystem;
    use std::os::unix::fs::MetadataExt;

    fn blobs(dir: &tempfile::TempDir) -> Blobs {
        Blobs::open(Arc::new(FileSystem::open(dir.path()).unwrap().0), 1).unwrap()
    }

    fn label() -> Label {
        Label::Part { upload: String::new(), number: 1 }
    }

    #[test]
    fn a_dropped_blob_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = blobs(&dir);
        let mut draft = blobs.begin().unwrap();
        draft.append(b"x").unwrap();
        let (loose, digest) = draft.finish(&label()).unwrap();
        let path = dir.path().join(loose.id.path());
        assert!(path.exists());
        assert_eq!(digest, Digest::of(b"x"));
        drop(loose);
        assert!(!path.exists());
        drop(blobs.begin().unwrap());
        assert_eq!(blobs.loose(), 0);
    }

    #[test]
    fn a_file_that_is_in_the_way_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = blobs(&dir);
        let first = blobs.begin().unwrap();
        let next = BlobId { generation: 1, sequence: first.name.id.sequence + 1 };
        std::fs::write(dir.path().join(next.path()), b"somebody's").unwrap();
        assert_eq!(blobs.begin().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(dir.path().join(next.path())).unwrap(), b"somebody's");
    }

    #[test]
    fn a_link_shares_the_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = blobs(&dir);
        let mut draft = blobs.begin().unwrap();
        draft.append(b"xyz").unwrap();
        let (first, sha256) = draft.finish(&label()).unwrap();
        let second = blobs.link(&Segment { blob: first.id, len: 3, sha256 }).unwrap();
        let inode = |id: BlobId| std::fs::metadata(dir.path().join(id.path())).unwrap().ino();
        assert_eq!(inode(first.id), inode(second.id));
        assert_eq!(
            blobs.copy(&Segment { blob: first.id, len: 3, sha256 }).map(|copy| copy.id != first.id).ok(),
            Some(true)
        );
    }
}
