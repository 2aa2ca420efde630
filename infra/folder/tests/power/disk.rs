//! A disk whose power can be cut: what it is asked for, and when it has none any more. From then on every request fails.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::time::UNIX_EPOCH;

use fuser::{Errno, FileAttr, FileType, INodeNo};
use serde::{Deserialize, Serialize};

use crate::medium::{Medium, Node};

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
    pub listings: HashMap<u64, Vec<(u64, FileType, String)>>,
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

    pub fn powered(&mut self) -> Result<&mut Self, Errno> {
        if self.has_power { Ok(self) } else { Err(Errno::EIO) }
    }

    /// Carries a request out that changes something, unless the power is cut.
    pub fn change<T>(
        &mut self,
        moment: Moment,
        change: impl FnOnce(&mut Medium) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
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
    pub fn note(&mut self, name: &str) {
        let is_blob = name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_blob && !self.blobs.insert(name.to_owned()) {
            self.reused.push(name.to_owned());
        }
    }

    pub fn moment(&self, file: u64, sync: bool) -> Moment {
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

    pub fn attributes(&mut self, node: u64) -> Result<FileAttr, Errno> {
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

    pub fn make(&mut self, folder: INodeNo, name: &OsStr, mode: u32, is_folder: bool) -> Result<FileAttr, Errno> {
        let name = text(name)?;
        let node = self.change(Moment::Create, |medium| medium.create(folder.0, name, mode, is_folder))?;
        self.note(name);
        self.attributes(node)
    }

    pub fn list(&mut self, folder: u64) -> Result<u64, Errno> {
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

pub fn text(name: &OsStr) -> Result<&str, Errno> {
    name.to_str().ok_or(Errno::EINVAL)
}
