//! What a disk in memory has: contents, names, and what of both is durable; and what is to go wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::dice::Dice;

/// What is to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Well,
    /// The machine loses power in the middle of this operation.
    DiesAt(u64),
    /// This operation fails; those after it work.
    FailsAt(u64, ErrorKind),
    /// Everything that changes something fails, until it is told otherwise.
    Fails(ErrorKind),
}

/// What a file has.
#[derive(Debug, Default, Clone)]
pub struct Content {
    pub bytes: Vec<u8>,
    /// So many of them survive.
    pub synced: usize,
}

/// A change of names that is not durable yet.
#[derive(Debug, Clone)]
pub enum Change {
    Add(PathBuf, usize),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, usize),
}

impl Change {
    pub fn touches(&self, folder: &Path) -> bool {
        let within = |path: &Path| path.parent() == Some(folder);
        match self {
            Self::Add(path, _) | Self::Remove(path) => within(path),
            Self::Rename(from, to, _) => within(from) || within(to),
        }
    }

    pub fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Add(path, content) => drop(names.insert(path.clone(), *content)),
            Self::Remove(path) => drop(names.remove(path)),
            Self::Rename(from, to, content) => {
                names.remove(from);
                names.insert(to.clone(), *content);
            }
        }
    }
}

/// All of it.
#[derive(Debug, Clone)]
pub struct State {
    pub contents: Vec<Content>,
    pub names: BTreeMap<PathBuf, usize>,
    pub durable: BTreeMap<PathBuf, usize>,
    pub pending: Vec<Change>,
    pub folders: BTreeSet<PathBuf>,
    pub durable_folders: BTreeSet<PathBuf>,
    /// Every blob that ever was: no name is given out twice.
    pub ever: BTreeSet<PathBuf>,
    pub operations: u64,
    pub fate: Fate,
    pub is_dead: bool,
    pub is_locked: bool,
    pub dice: Dice,
}

impl State {
    pub fn new(seed: u64, fate: Fate) -> Self {
        Self {
            contents: Vec::new(),
            names: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            folders: BTreeSet::new(),
            durable_folders: BTreeSet::new(),
            ever: BTreeSet::new(),
            operations: 0,
            fate,
            is_dead: false,
            is_locked: false,
            dice: Dice::new(seed),
        }
    }

    /// What a machine finds that starts again.
    pub fn after_power_loss(mut self) -> Self {
        let mut names = self.durable.clone();
        for change in std::mem::take(&mut self.pending) {
            if self.dice.coin() {
                change.apply(&mut names);
            }
        }
        for content in &mut self.contents {
            let unsynced = content.bytes.len() - content.synced;
            let kept = usize::try_from(self.dice.below(unsynced as u64 + 1)).unwrap();
            content.bytes.truncate(content.synced + kept);
            // A block that was given to the file and never written.
            if kept > 0 && self.dice.coin() {
                let from = content.synced + usize::try_from(self.dice.below(kept as u64)).unwrap();
                content.bytes[from..].fill(0);
            }
            content.synced = content.bytes.len();
        }
        let mut folders = self.durable_folders.clone();
        for folder in self.folders.difference(&self.durable_folders) {
            if self.dice.coin() {
                folders.insert(folder.clone());
            }
        }
        // A file is there if its folder is.
        names.retain(|path, _| path.parent().is_none_or(|folder| folder == Path::new("") || folders.contains(folder)));
        self.durable = names.clone();
        self.names = names;
        self.durable_folders = folders.clone();
        self.folders = folders;
        self.fate = Fate::Well;
        self.is_dead = false;
        self.is_locked = false;
        self
    }

    pub fn alive(&self) -> io::Result<()> {
        if self.is_dead { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    /// Counts an operation that changes something. `Err`: it fails, and whatever of it has happened is up to the dice.
    pub fn step(&mut self) -> io::Result<()> {
        self.alive()?;
        self.operations += 1;
        match self.fate {
            Fate::DiesAt(at) if at == self.operations => {
                self.is_dead = true;
                Err(io::Error::from_raw_os_error(5))
            }
            Fate::FailsAt(at, kind) if at == self.operations => Err(kind.into()),
            Fate::Fails(kind) => Err(kind.into()),
            _ => Ok(()),
        }
    }

    pub fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    /// Does what `step` allows, and, where it fails, does it all the same now and then.
    pub fn try_change(&mut self, change: Change) -> io::Result<()> {
        let step = self.step();
        if step.is_ok() || self.dice.coin() {
            self.change(change);
        }
        step
    }

    pub fn find(&self, path: &Path) -> io::Result<usize> {
        self.alive()?;
        self.names.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub fn has_folder(&self, path: &Path) -> bool {
        path == Path::new("") || self.folders.contains(path)
    }
}
