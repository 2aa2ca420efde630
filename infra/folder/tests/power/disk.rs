//! The medium as a file system of the kernel's, until its power is cut: from then on every request fails. The kernel keeps
//! the locks, and pages as for any file, so that SQLite can map its `-shm`.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, KernelConfig,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry,
    ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use serde::{Deserialize, Serialize};

use crate::medium::{Medium, Node};

/// Nothing changes behind the kernel's back.
const LONG: Duration = Duration::from_secs(86_400);
const GENERATION: Generation = Generation(0);

/// What a disk is asked for that matters to what is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Moment {
    /// One of the others.
    Any,
    IndexWrite,
    IndexSync,
    LogWrite,
    LogSync,
    FileWrite,
    FileSync,
    FolderSync,
    Resize,
    Create,
    Link,
    Rename,
    Remove,
    /// The log's index, which is worth nothing after a cut.
    Memory,
}

/// When the power is cut: at the so-many-th request of a kind.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cut {
    pub at: Moment,
    pub countdown: usize,
    /// The request is carried out, though nobody hears of it.
    pub after: bool,
}

/// The disk, and what is to become of it.
#[derive(Debug)]
pub struct Disk {
    pub medium: Medium,
    pub cut: Option<Cut>,
    pub has_power: bool,
    /// Names that blobs have had, in all the time of the disk.
    blobs: HashSet<String>,
    pub reused: Vec<String>,
    listings: HashMap<u64, Vec<(u64, FileType, String)>>,
}

impl Disk {
    pub fn new() -> Self {
        Self {
            medium: Medium::new(),
            cut: None,
            has_power: true,
            blobs: HashSet::new(),
            reused: Vec::new(),
            listings: HashMap::new(),
        }
    }

    fn powered(&mut self) -> Result<&mut Self, Errno> {
        if self.has_power { Ok(self) } else { Err(Errno::EIO) }
    }

    /// Carries a request out that changes something, unless the power is cut.
    fn change<T>(&mut self, moment: Moment, change: impl FnOnce(&mut Medium) -> Result<T, Errno>) -> Result<T, Errno> {
        self.powered()?;
        if let Some(cut) = self.cut.as_mut().filter(|cut| cut.is_at(moment)) {
            cut.countdown -= 1;
            if cut.countdown == 0 {
                self.has_power = false;
                if cut.after {
                    // Nobody hears how it went.
                    let _ = change(&mut self.medium);
                }
                return Err(Errno::EIO);
            }
        }
        change(&mut self.medium)
    }

    /// Notes the name of a blob, which none has had before.
    fn note(&mut self, name: &str) {
        let is_blob = name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_blob && !self.blobs.insert(name.to_owned()) {
            self.reused.push(name.to_owned());
        }
    }

    fn moment(&self, file: u64, sync: bool) -> Moment {
        let name = self.medium.node(file).map_or("", |node| &node.name);
        match (name, sync) {
            ("index.sqlite", false) => Moment::IndexWrite,
            ("index.sqlite", true) => Moment::IndexSync,
            (name, _) if name.ends_with("-shm") => Moment::Memory,
            (name, false) if name.ends_with("-wal") => Moment::LogWrite,
            (name, true) if name.ends_with("-wal") => Moment::LogSync,
            (_, false) => Moment::FileWrite,
            (_, true) => Moment::FileSync,
        }
    }

    fn attributes(&mut self, node: u64) -> Result<FileAttr, Errno> {
        let found: &Node = self.powered()?.medium.node(node)?;
        Ok(FileAttr {
            ino: INodeNo(node),
            size: found.len() as u64,
            blocks: found.len().div_ceil(512) as u64,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: kind(found),
            perm: found.mode as u16,
            nlink: found.links,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn make(&mut self, folder: INodeNo, name: &OsStr, mode: u32, is_folder: bool) -> Result<FileAttr, Errno> {
        let name = text(name)?;
        let node = self.change(Moment::Create, |medium| medium.create(folder.0, name, mode, is_folder))?;
        self.note(name);
        self.attributes(node)
    }

    fn list(&mut self, folder: u64) -> Result<u64, Errno> {
        let medium = &self.powered()?.medium;
        let entry = |(name, node): (&String, &u64)| Ok((*node, kind(medium.node(*node)?), name.clone()));
        let listing = medium.names(folder)?.iter().map(entry).collect::<Result<_, Errno>>()?;
        let handle = self.listings.keys().max().map_or(1, |last| last + 1);
        self.listings.insert(handle, listing);
        Ok(handle)
    }
}

impl Cut {
    fn is_at(&self, moment: Moment) -> bool {
        self.at == moment || (self.at == Moment::Any && moment != Moment::Memory)
    }
}

fn kind(node: &Node) -> FileType {
    if node.is_folder() { FileType::Directory } else { FileType::RegularFile }
}

fn text(name: &OsStr) -> Result<&str, Errno> {
    name.to_str().ok_or(Errno::EINVAL)
}

/// What the kernel talks to.
#[derive(Debug, Clone)]
pub struct Served(pub Arc<Mutex<Disk>>);

impl Served {
    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers with what was done, or with the error.
macro_rules! answer {
    ($reply:ident, $done:expr, $ok:expr) => {{
        let done: Result<_, Errno> = $done;
        match done {
            Ok(done) => $ok(done),
            Err(error) => $reply.error(error),
        }
    }};
}

impl Filesystem for Served {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Larger ones are cut into such pieces, between which the power may be cut.
        config.set_max_write(128 * 1024).map_err(|_| io::Error::other("128 KiB are too much for a write"))?;
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let mut disk = self.disk();
        let found = disk.powered().and_then(|disk| disk.medium.find(parent.0, text(name)?));
        answer!(reply, found.and_then(|node| disk.attributes(node)), |found| reply.entry(&LONG, &found, GENERATION));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        answer!(reply, self.disk().attributes(ino.0), |found| reply.attr(&LONG, &found));
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut disk = self.disk();
        let is_memory = disk.moment(ino.0, false) == Moment::Memory;
        let moment = if is_memory { Moment::Memory } else { Moment::Resize };
        let resized = size.map_or(Ok(()), |size| disk.change(moment, |medium| medium.resize(ino.0, size as usize)));
        let set = resized.and_then(|()| mode.map_or(Ok(()), |mode| disk.powered()?.medium.set_mode(ino.0, mode)));
        answer!(reply, set.and_then(|()| disk.attributes(ino.0)), |found| reply.attr(&LONG, &found));
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        answer!(reply, self.disk().make(parent, name, mode, true), |made| reply.entry(&LONG, &made, GENERATION));
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, _: i32, reply: ReplyCreate) {
        answer!(reply, self.disk().make(parent, name, mode, false), |made| {
            reply.created(&LONG, &made, GENERATION, FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
        });
    }

    fn link(&self, _: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let mut disk = self.disk();
        let linked = text(name).and_then(|name| {
            disk.change(Moment::Link, |medium| medium.link(ino.0, parent.0, name))?;
            disk.note(name);
            disk.attributes(ino.0)
        });
        answer!(reply, linked, |linked| reply.entry(&LONG, &linked, GENERATION));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let remove = |name: &str| self.disk().change(Moment::Remove, |medium| medium.unlink(parent.0, name));
        answer!(reply, text(name).and_then(remove), |()| reply.ok());
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let remove = |name: &str| self.disk().change(Moment::Remove, |medium| medium.rmdir(parent.0, name));
        answer!(reply, text(name).and_then(remove), |()| reply.ok());
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let renamed = text(name).and_then(|name| {
            let new = text(newname)?;
            self.disk().change(Moment::Rename, |medium| medium.rename((parent.0, name), (newparent.0, new)))
        });
        answer!(reply, renamed, |()| reply.ok());
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        answer!(reply, self.disk().powered().map(|_| ()), |()| {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
        });
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut disk = self.disk();
        let read = disk.powered().and_then(|disk| disk.medium.read(ino.0, offset as usize, size as usize));
        answer!(reply, read, |read| reply.data(read));
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut disk = self.disk();
        let moment = disk.moment(ino.0, false);
        let written = disk.change(moment, |medium| medium.write(ino.0, offset as usize, bytes));
        answer!(reply, written, |()| reply.written(bytes.len() as u32));
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let mut disk = self.disk();
        let moment = disk.moment(ino.0, true);
        answer!(reply, disk.change(moment, |medium| medium.sync(ino.0)), |()| reply.ok());
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let synced = self.disk().change(Moment::FolderSync, |medium| medium.sync_folder(ino.0));
        answer!(reply, synced, |()| reply.ok());
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        answer!(reply, self.disk().list(ino.0), |handle| reply.opened(FileHandle(handle), FopenFlags::empty()));
    }

    fn readdir(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let disk = self.disk();
        let listing = disk.listings.get(&handle.0).map(Vec::as_slice).unwrap_or_default();
        for (at, (node, kind, name)) in listing.iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(*node), at as u64 + 1, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.disk().listings.remove(&handle.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 30, 1 << 29, 1 << 29, 1 << 20, 1 << 20, 4096, 255, 4096);
    }
}
