//! The blob folder: immutable files, written under `tmp/`, moved to `blobs/<2 hex>/<id>` when whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

/// Names a blob. `generation` counts the openings of the store, so a sweep can tell what existed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct BlobId {
    pub generation: u32,
    pub sequence: u64,
}

impl BlobId {
    fn file_name(self) -> String {
        format!("{:08x}{:016x}", self.generation, self.sequence)
    }

    /// Reads a file name back. Anything that is not one of ours is `None` and left alone.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name.len() != 24 || !name.is_ascii() {
            return None;
        }
        let generation = u32::from_str_radix(&name[..8], 16).ok()?;
        let sequence = u64::from_str_radix(&name[8..], 16).ok()?;
        Some(Self { generation, sequence }).filter(|id| id.file_name() == name)
    }
}

/// The folder. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Blobs(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    generation: u32,
    next: AtomicU64,
    /// Files on disk that the index does not (yet, or any more) know.
    loose: AtomicUsize,
}

impl Blobs {
    /// Takes the folder for this opening: empties `tmp/`, makes the 256 folders. Needs the index's lock held.
    pub(crate) fn open(root: &Path, generation: u32) -> io::Result<Self> {
        let tmp = root.join("tmp");
        if tmp.exists() {
            fs::remove_dir_all(&tmp)?;
        }
        fs::create_dir_all(&tmp)?;
        let blobs = root.join("blobs");
        for shard in 0..=255u8 {
            fs::create_dir_all(blobs.join(format!("{shard:02x}")))?;
        }
        sync_dir(&blobs)?;
        sync_dir(root)?;
        let folder = Folder { root: root.to_owned(), generation, next: AtomicU64::new(0), loose: AtomicUsize::new(0) };
        Ok(Self(Arc::new(folder)))
    }

    /// The generation ids are given out in.
    pub(crate) fn generation(&self) -> u32 {
        self.0.generation
    }

    /// The 256 folders.
    pub(crate) fn shards(&self) -> impl Iterator<Item = PathBuf> + '_ {
        (0..=255u8).map(|shard| self.0.root.join("blobs").join(format!("{shard:02x}")))
    }

    /// Where a blob lies.
    pub(crate) fn path(&self, id: BlobId) -> PathBuf {
        let shard = format!("{:02x}", id.sequence & 0xff);
        self.0.root.join("blobs").join(shard).join(id.file_name())
    }

    /// How many files are on disk without the index knowing: zero means a sweep would find nothing.
    pub(crate) fn loose(&self) -> usize {
        self.0.loose.load(Ordering::SeqCst)
    }

    /// Begins a blob under `tmp/`; it vanishes when dropped before [`TempBlob::publish`].
    pub(crate) fn begin(&self) -> io::Result<TempBlob> {
        let id = self.fresh();
        let path = self.0.root.join("tmp").join(id.file_name());
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(TempBlob { blobs: self.clone(), id, path, file, published: false })
    }

    /// A second name for a blob's bytes: a hard link, or a copy where the file system has none to give
    /// (`EMLINK` at 65,000 names on ext4, or no links at all).
    pub(crate) fn link(&self, source: BlobId) -> io::Result<PendingBlob> {
        let id = self.fresh();
        let (from, to) = (self.path(source), self.path(id));
        let pending = PendingBlob::new(self.clone(), id);
        match fs::hard_link(&from, &to) {
            Ok(()) => Ok(pending),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
            Err(_) => self.copy(&from, &to).map(|()| pending),
        }
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut temp = self.begin()?;
        io::copy(&mut File::open(from)?, &mut temp.file)?;
        temp.file.sync_all()?;
        fs::rename(&temp.path, to)?;
        temp.published = true;
        Ok(())
    }

    /// Makes links durable: one fsync per folder touched.
    pub(crate) fn sync_links(&self, links: &[PendingBlob]) -> io::Result<()> {
        let mut folders: Vec<_> = links.iter().map(|link| link.id.sequence & 0xff).collect();
        folders.sort_unstable();
        folders.dedup();
        let root = self.0.root.join("blobs");
        folders.into_iter().try_for_each(|shard| sync_dir(&root.join(format!("{shard:02x}"))))
    }

    /// Removes a blob the index no longer names.
    pub(crate) fn remove(&self, id: BlobId) {
        // A file that is gone already is what was wanted; one that cannot be removed is found by the next sweep.
        if matches!(fs::remove_file(self.path(id)), Err(error) if error.kind() != io::ErrorKind::NotFound) {
            self.adopt(1);
        }
    }

    /// Counts files that the index gave up and that wait for removal.
    pub(crate) fn adopt(&self, files: usize) {
        self.0.loose.fetch_add(files, Ordering::SeqCst);
    }

    /// Counts files as settled: known to the index, or removed.
    pub(crate) fn settle(&self, files: usize) {
        self.0.loose.fetch_sub(files, Ordering::SeqCst);
    }

    fn fresh(&self) -> BlobId {
        let sequence = self.0.next.fetch_add(1, Ordering::Relaxed);
        BlobId { generation: self.0.generation, sequence }
    }
}

/// A blob being written.
#[derive(Debug)]
pub(crate) struct TempBlob {
    blobs: Blobs,
    id: BlobId,
    path: PathBuf,
    pub(crate) file: File,
    published: bool,
}

impl TempBlob {
    /// Makes the bytes durable and moves them to their place. The index does not know them yet.
    pub(crate) fn publish(mut self) -> io::Result<PendingBlob> {
        self.file.sync_all()?;
        let target = self.blobs.path(self.id);
        let pending = PendingBlob::new(self.blobs.clone(), self.id);
        fs::rename(&self.path, &target)?;
        self.published = true;
        if let Some(folder) = target.parent() {
            sync_dir(folder)?;
        }
        Ok(pending)
    }
}

impl Drop for TempBlob {
    fn drop(&mut self) {
        if !self.published {
            // Nothing to tell anyone: `tmp/` is emptied when the store opens.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A blob in its place that the index does not know yet; removed when dropped without [`PendingBlob::keep`].
#[derive(Debug)]
pub(crate) struct PendingBlob {
    blobs: Blobs,
    pub(crate) id: BlobId,
    kept: bool,
}

impl PendingBlob {
    fn new(blobs: Blobs, id: BlobId) -> Self {
        blobs.adopt(1);
        Self { blobs, id, kept: false }
    }

    /// The index names the blob now.
    pub(crate) fn keep(mut self) {
        self.kept = true;
        self.blobs.settle(1);
    }

    /// Whether the index names the blob is unknown: leave it for the next sweep to decide.
    pub(crate) fn abandon(mut self) {
        self.kept = true;
    }
}

impl Drop for PendingBlob {
    fn drop(&mut self) {
        if !self.kept {
            self.blobs.remove(self.id);
            self.blobs.settle(1);
        }
    }
}

/// A rename or link survives a power cut only once its folder is synced.
fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn an_id_survives_its_file_name() {
        let id = BlobId { generation: 3, sequence: u64::MAX };
        assert_eq!(BlobId::parse(&id.file_name()), Some(id));
    }

    #[test]
    fn foreign_file_names_are_no_ids() {
        for name in ["", "x", "lost+found", "0000000100000000000000zz", "00000001000000000000000A"] {
            assert_eq!(BlobId::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_dropped_blob_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path(), 1).unwrap();
        let mut temp = blobs.begin().unwrap();
        temp.file.write_all(b"x").unwrap();
        let pending = temp.publish().unwrap();
        let path = blobs.path(pending.id);
        assert!(path.exists());
        drop(pending);
        assert!(!path.exists());
        assert_eq!(blobs.loose(), 0);
    }

    #[test]
    fn a_link_shares_the_bytes() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path(), 1).unwrap();
        let first = blobs.begin().unwrap().publish().unwrap();
        let second = blobs.link(first.id).unwrap();
        let inode = |id| fs::metadata(blobs.path(id)).unwrap().ino();
        assert_eq!(inode(first.id), inode(second.id));
    }
}
