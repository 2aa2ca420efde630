//! What the store asks of a disk, so that tests can put one in its place that forgets, tears and fails.
//!
//! Everything that must survive a power cut goes through [`Disk`]: creating, appending, syncing, linking, removing. A
//! commit of the index is one step of it: what SQLite does inside is tested by its authors.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, IoSliceMut, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::io::{ReadWriteFlags, preadv2};

/// One folder. Paths are relative to it.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Creates a file that nobody else may read. Its name is durable once the folder is synced.
    ///
    /// # Errors
    /// `AlreadyExists`, or what the system says.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file to read it.
    ///
    /// # Errors
    /// `NotFound`, or what the system says.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name; what had that name is gone.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name.
    ///
    /// # Errors
    /// What the system says; file systems may have no such thing.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound`, or what the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates a folder that nobody else may enter; one that is there already is left as it is.
    ///
    /// # Errors
    /// What the system says.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder that is empty.
    ///
    /// # Errors
    /// What the system says.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// What the system says; what is durable is unknown then.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder.
    ///
    /// # Errors
    /// `NotFound`, or what the system says.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Bytes that can still be written, to those who are not root.
    ///
    /// # Errors
    /// What the system says.
    fn free(&self) -> io::Result<u64>;
    /// Makes a file of zeros that really takes so many bytes of the disk.
    ///
    /// # Errors
    /// What the system says; no file is left then.
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()>;
    /// Takes the folder for this process alone, until [`Disk::unlock`]. `false`: somebody else has it.
    ///
    /// # Errors
    /// What the system says.
    fn lock(&self) -> io::Result<bool>;
    /// Gives the folder back.
    fn unlock(&self);
    /// Whether commits of the index must survive a power cut. A disk that only lives as long as a test need not wait.
    fn is_durable(&self) -> bool {
        true
    }
    /// Where SQLite keeps the index: a path for the system, not below this interface.
    fn index(&self) -> PathBuf;
    /// Tells one index file from another, to notice a folder that was removed or replaced. `None`: there is none.
    ///
    /// # Errors
    /// What the system says.
    fn index_identity(&self) -> io::Result<Option<(u64, u64)>>;
    /// Commits a transaction of the index with `commit`, whole and durable or not at all.
    ///
    /// # Errors
    /// Those of `commit`; whether it took effect is unknown then.
    fn commit(&self, commit: &mut dyn FnMut() -> rusqlite::Result<()>) -> rusqlite::Result<()>;
}

/// A file: appended to while it is made, then only read.
pub trait DiskFile: Debug + Send + Sync {
    /// Adds bytes at its end.
    ///
    /// # Errors
    /// What the system says; how many bytes were added is unknown then.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes its bytes durable, not its name.
    ///
    /// # Errors
    /// What the system says; what is durable is unknown then, and a repetition proves nothing.
    fn sync(&mut self) -> io::Result<()>;
    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof`, or what the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// The same where the system has all of these bytes in memory, and says whether it had: it never waits for the disk.
    fn read_cached(&self, buffer: &mut [u8], offset: u64) -> bool {
        let _ = (buffer, offset);
        false
    }
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self) -> io::Result<u64>;
}

/// The folder of a file system.
#[derive(Debug)]
pub struct FileSystem {
    root: PathBuf,
    lock: Mutex<Option<File>>,
}

impl FileSystem {
    /// The folder at `root`, which is created for its owner alone, and closed to others where it was open to them;
    /// tells whether it was.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(root: &Path) -> io::Result<(Self, bool)> {
        DirBuilder::new().recursive(true).mode(0o700).create(root)?;
        if !root.join("store.json").exists() {
            make_reachable(root)?;
        }
        let mode = fs::metadata(root)?.mode();
        let is_open = mode & 0o077 != 0;
        // One that is empty had nothing to read.
        let was_open = is_open && fs::read_dir(root)?.next().is_some();
        if is_open {
            fs::set_permissions(root, fs::Permissions::from_mode(0o700))?;
        }
        Ok((Self { root: root.to_owned(), lock: Mutex::new(None) }, was_open))
    }
}

/// Makes the name of a new folder durable, and those of the folders that it is in: they may be as new, made by us or by a
/// predecessor that was killed. Ends where the file system does.
fn make_reachable(root: &Path) -> io::Result<()> {
    let root = root.canonicalize()?;
    let device = fs::metadata(&root)?.dev();
    for folder in root.ancestors().skip(1) {
        if fs::metadata(folder)?.dev() != device {
            break;
        }
        match File::open(folder) {
            // One that we may not read was there before us.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            opened => opened?.sync_all()?,
        }
    }
    Ok(())
}

impl Disk for FileSystem {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(self.root.join(path))?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(self.root.join(path))?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(self.root.join(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(self.root.join(path)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created,
        }
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(self.root.join(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(self.root.join(path))?.sync_all()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(path))? {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn free(&self) -> io::Result<u64> {
        let statistics = rustix::fs::statvfs(&self.root)?;
        Ok(statistics.f_bavail.saturating_mul(statistics.f_frsize))
    }

    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.root.join(path))?;
        let allocated = match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Err(rustix::io::Errno::OPNOTSUPP) => io::copy(&mut io::repeat(0).take(bytes), &mut &file).map(|_| ()),
            allocated => allocated.map_err(io::Error::from),
        };
        if allocated.is_err() {
            self.remove(path)?;
        }
        allocated
    }

    fn lock(&self) -> io::Result<bool> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(self.root.join("lock"))?;
        match file.try_lock() {
            Ok(()) => *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(file),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(true)
    }

    fn unlock(&self) {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn index(&self) -> PathBuf {
        self.root.join("index.sqlite")
    }

    fn index_identity(&self) -> io::Result<Option<(u64, u64)>> {
        match fs::metadata(self.index()) {
            Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn commit(&self, commit: &mut dyn FnMut() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        commit()
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }

    fn read_cached(&self, buffer: &mut [u8], offset: u64) -> bool {
        let length = buffer.len();
        // File systems that cannot say so refuse.
        let read = preadv2(self, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT);
        read.is_ok_and(|read| read == length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}
