//! What a disk has in its cache and what it has for good. Bytes are for good once their file is synced, names once their
//! folder is. A power cut leaves what is for good, and of the rest what chance leaves, as the file systems do that people
//! use: whole blocks in any order, names in order.

use std::collections::{BTreeMap, HashSet};
use std::mem::take;

use fuser::Errno;

use crate::content::{Change, Content, Rest, place};
use crate::random::Random;

pub const ROOT: u64 = 1;
/// In place of a folder, where one journal has the names of all.
const JOURNAL: u64 = 0;

type Names = BTreeMap<String, u64>;

/// Files, folders, and what has happened to their names since it was last durable.
#[derive(Debug)]
pub struct Medium {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    steps: Vec<Step>,
    /// Names have one order, and any sync makes those before it durable, as on ext4. Otherwise each folder is on its own.
    journals: bool,
}

#[derive(Debug)]
pub struct Node {
    /// The name it was made under.
    pub name: String,
    pub mode: u32,
    pub links: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    File(Content),
    Folder { now: Names, durable: Names },
}

/// A change of names that happens as a whole.
#[derive(Debug)]
struct Step {
    changes: Vec<(u64, String, Option<u64>)>,
    /// Folders whose earlier changes must have happened.
    after: Vec<u64>,
}

impl Node {
    fn folder(name: &str, mode: u32) -> Self {
        let kind = Kind::Folder { now: Names::new(), durable: Names::new() };
        Self { name: name.into(), mode, links: 2, kind }
    }

    pub fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder { .. })
    }

    pub fn len(&self) -> usize {
        match &self.kind {
            Kind::File(content) => content.now.len(),
            Kind::Folder { .. } => 0,
        }
    }
}

impl Medium {
    pub fn new() -> Self {
        Self {
            nodes: BTreeMap::from([(ROOT, Node::folder("", 0o700))]),
            next: ROOT + 1,
            steps: Vec::new(),
            journals: false,
        }
    }

    /// How it is from now on.
    pub fn behave(&mut self, journals: bool) {
        self.journals = journals;
    }

    pub fn node(&self, node: u64) -> Result<&Node, Errno> {
        self.nodes.get(&node).ok_or(Errno::ENOENT)
    }

    fn node_mut(&mut self, node: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&node).ok_or(Errno::ENOENT)
    }

    pub fn names(&self, folder: u64) -> Result<&Names, Errno> {
        match &self.node(folder)?.kind {
            Kind::Folder { now, .. } => Ok(now),
            Kind::File(_) => Err(Errno::ENOTDIR),
        }
    }

    pub fn find(&self, folder: u64, name: &str) -> Result<u64, Errno> {
        self.names(folder)?.get(name).copied().ok_or(Errno::ENOENT)
    }

    fn content(&mut self, file: u64) -> Result<&mut Content, Errno> {
        match &mut self.node_mut(file)?.kind {
            Kind::File(content) => Ok(content),
            Kind::Folder { .. } => Err(Errno::EISDIR),
        }
    }

    pub fn read(&mut self, file: u64, at: usize, length: usize) -> Result<&[u8], Errno> {
        let bytes = &self.content(file)?.now;
        let from = at.min(bytes.len());
        Ok(&bytes[from..bytes.len().min(from + length)])
    }

    pub fn write(&mut self, file: u64, at: usize, bytes: &[u8]) -> Result<(), Errno> {
        let content = self.content(file)?;
        place(&mut content.now, at, bytes, 0);
        content.pending.push(Change::Write(at, bytes.to_vec()));
        Ok(())
    }

    pub fn resize(&mut self, file: u64, length: usize) -> Result<(), Errno> {
        let content = self.content(file)?;
        content.now.resize(length, 0);
        content.pending.push(Change::Resize(length));
        Ok(())
    }

    pub fn set_mode(&mut self, node: u64, mode: u32) -> Result<(), Errno> {
        self.node_mut(node)?.mode = mode & 0o7777;
        Ok(())
    }

    pub fn create(&mut self, folder: u64, name: &str, mode: u32, is_folder: bool) -> Result<u64, Errno> {
        let mut made = Node::folder(name, mode & 0o7777);
        if !is_folder {
            made = Node { links: 1, kind: Kind::File(Content::default()), ..made };
        }
        self.is_free(folder, name)?;
        let node = self.next;
        self.next += 1;
        self.nodes.insert(node, made);
        self.step(vec![(folder, name.into(), Some(node))], &[]);
        Ok(node)
    }

    pub fn link(&mut self, file: u64, folder: u64, name: &str) -> Result<(), Errno> {
        self.is_free(folder, name)?;
        self.node_mut(file)?.links += 1;
        self.step(vec![(folder, name.into(), Some(file))], &[]);
        Ok(())
    }

    pub fn unlink(&mut self, folder: u64, name: &str) -> Result<(), Errno> {
        let file = self.find(folder, name)?;
        self.node_mut(file)?.links -= 1;
        self.step(vec![(folder, name.into(), None)], &[]);
        Ok(())
    }

    pub fn rmdir(&mut self, folder: u64, name: &str) -> Result<(), Errno> {
        let removed = self.find(folder, name)?;
        if !self.names(removed)?.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        self.step(vec![(folder, name.into(), None)], &[removed]);
        Ok(())
    }

    pub fn rename(&mut self, (from, name): (u64, &str), (to, new): (u64, &str)) -> Result<(), Errno> {
        let node = self.find(from, name)?;
        if let Ok(replaced) = self.find(to, new) {
            if self.node(replaced)?.is_folder() {
                return Err(Errno::EISDIR);
            }
            self.node_mut(replaced)?.links -= 1;
        }
        self.step(vec![(from, name.into(), None), (to, new.into(), Some(node))], &[]);
        Ok(())
    }

    fn is_free(&self, folder: u64, name: &str) -> Result<(), Errno> {
        if self.names(folder)?.contains_key(name) { Err(Errno::EEXIST) } else { Ok(()) }
    }

    fn step(&mut self, changes: Vec<(u64, String, Option<u64>)>, after: &[u64]) {
        let after = changes.iter().map(|(folder, ..)| *folder).chain(after.iter().copied()).collect();
        let step = Step { changes, after };
        self.change(&step, |kind| match kind {
            Kind::Folder { now, .. } => Some(now),
            Kind::File(_) => None,
        });
        self.steps.push(step);
    }

    fn change(&mut self, step: &Step, names: fn(&mut Kind) -> Option<&mut Names>) {
        for (folder, name, node) in &step.changes {
            let Some(names) = self.nodes.get_mut(folder).and_then(|folder| names(&mut folder.kind)) else { continue };
            match node {
                Some(node) => names.insert(name.clone(), *node),
                None => names.remove(name),
            };
        }
    }

    fn make_durable(&mut self, step: &Step) {
        self.change(step, |kind| match kind {
            Kind::Folder { durable, .. } => Some(durable),
            Kind::File(_) => None,
        });
    }

    /// Makes a file's bytes durable.
    pub fn sync(&mut self, file: u64) -> Result<(), Errno> {
        self.content(file)?.sync();
        if self.journals {
            self.sync_names(JOURNAL);
        }
        Ok(())
    }

    /// Makes the names in a folder durable.
    pub fn sync_folder(&mut self, folder: u64) -> Result<(), Errno> {
        self.names(folder)?;
        self.sync_names(if self.journals { JOURNAL } else { folder });
        Ok(())
    }

    fn order(&self, step: &Step) -> Vec<u64> {
        if self.journals { vec![JOURNAL] } else { step.after.clone() }
    }

    /// Makes durable what concerns a folder, and all that must have happened before.
    fn sync_names(&mut self, folder: u64) {
        let mut concerned = HashSet::from([folder]);
        let (mut durable, mut left) = (Vec::new(), Vec::new());
        for step in take(&mut self.steps).into_iter().rev() {
            let order = self.order(&step);
            if order.iter().any(|folder| concerned.contains(folder)) {
                concerned.extend(order);
                durable.push(step);
            } else {
                left.push(step);
            }
        }
        durable.iter().rev().for_each(|step| self.make_durable(step));
        left.reverse();
        self.steps = left;
    }

    /// What is there when the power is back.
    pub fn after_a_power_cut(mut self, rest: &Rest, random: &mut Random) -> Self {
        let mut ended = HashSet::new();
        for step in take(&mut self.steps) {
            let order = self.order(&step);
            if order.iter().any(|folder| ended.contains(folder)) || !random.chance(rest.names) {
                ended.extend(order);
            } else {
                self.make_durable(&step);
            }
        }
        for node in self.nodes.values_mut() {
            match &mut node.kind {
                Kind::File(content) => content.forget(rest, random),
                Kind::Folder { now, durable } => now.clone_from(durable),
            }
        }
        self.drop_the_nameless();
        self
    }

    fn drop_the_nameless(&mut self) {
        let mut links = BTreeMap::from([(ROOT, 0u32)]);
        let mut folders = vec![ROOT];
        while let Some(folder) = folders.pop() {
            for node in self.names(folder).into_iter().flat_map(BTreeMap::values) {
                *links.entry(*node).or_default() += 1;
                if self.node(*node).is_ok_and(Node::is_folder) {
                    folders.push(*node);
                }
            }
        }
        self.nodes.retain(|node, _| links.contains_key(node));
        for (node, links) in links {
            if let Some(Node { links: counted, kind: Kind::File(_), .. }) = self.nodes.get_mut(&node) {
                *counted = links;
            }
        }
    }
}
