//! The disk as a file system of the kernel's, which keeps the locks, and pages as for any file, so that SQLite can map its
//! `-shm`.

use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, KernelConfig, LockOwner, OpenFlags,
    RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs,
    ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use crate::disk::{Disk, Moment, text};

/// Nothing changes behind the kernel's back.
const LONG: Duration = Duration::from_secs(86_400);
const GENERATION: Generation = Generation(0);

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
