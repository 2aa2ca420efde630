//! A disk that exists in memory alone: it forgets what was not synced, keeps some of it all the same, tears what is written
//! last, fails at a chosen operation, and dies at another one. Commits of the index are one operation; SQLite's own file is
//! a real one, in a folder that outlives the deaths.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use satchel_folder::disk::{Disk, DiskFile};

use crate::memory::{Change, Content, Fate, State};

#[derive(Debug)]
pub struct Simulated {
    state: Arc<Mutex<State>>,
    index: PathBuf,
}

impl Simulated {
    pub fn new(index: PathBuf, seed: u64, fate: Fate) -> Self {
        let state = State::new(seed, fate);
        Self { state: Arc::new(Mutex::new(state)), index }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Whether it has died, or failed where it was to.
    pub fn has_met_its_fate(&self) -> bool {
        let state = self.state();
        state.is_dead || matches!(state.fate, Fate::FailsAt(at, _) if state.operations >= at)
    }

    /// Goes on otherwise than it was to.
    pub fn turn(&self, fate: Fate) {
        self.state().fate = fate;
    }

    /// Ends it, in the middle of whatever it is at.
    pub fn die(&self) {
        self.state().is_dead = true;
    }

    /// What a machine finds that starts again: everything durable, some of the rest, and the end of what was being written
    /// torn.
    pub fn after_power_loss(&self) -> Self {
        let state = self.state().clone().after_power_loss();
        Self { state: Arc::new(Mutex::new(state)), index: self.index.clone() }
    }
}

impl Disk for Simulated {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.alive()?;
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if !path.parent().is_none_or(|folder| state.has_folder(folder)) {
            return Err(ErrorKind::NotFound.into());
        }
        let is_blob = path.starts_with("blobs") && path.extension().is_none();
        assert!(!is_blob || state.ever.insert(path.to_owned()), "the name {} is used twice", path.display());
        state.contents.push(Content::default());
        let content = state.contents.len() - 1;
        state.try_change(Change::Add(path.to_owned(), content))?;
        Ok(Box::new(File { state: Arc::clone(&self.state), content }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let content = self.state().find(path)?;
        Ok(Box::new(File { state: Arc::clone(&self.state), content }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let content = state.find(from)?;
        state.try_change(Change::Rename(from.to_owned(), to.to_owned(), content))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let content = state.find(from)?;
        assert!(state.ever.insert(to.to_owned()), "the name {} is used twice", to.display());
        state.try_change(Change::Add(to.to_owned(), content))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.find(path)?;
        state.try_change(Change::Remove(path.to_owned()))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.has_folder(path) {
            return state.alive();
        }
        let step = state.step();
        if step.is_ok() || state.dice.coin() {
            state.folders.insert(path.to_owned());
        }
        step
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if state.names.keys().any(|name| name.parent() == Some(path)) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        state.folders.remove(path);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let step = state.step();
        if step.is_ok() || state.dice.coin() {
            let pending = std::mem::take(&mut state.pending);
            let (done, left) = pending.into_iter().partition::<Vec<_>, _>(|change| change.touches(path));
            done.iter().for_each(|change| change.apply(&mut state.durable));
            state.pending = left;
            let folders: Vec<_> = state.folders.iter().filter(|it| it.parent() == Some(path)).cloned().collect();
            state.durable_folders.extend(folders);
        }
        step
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.alive()?;
        if !state.has_folder(path) {
            return Err(ErrorKind::NotFound.into());
        }
        let all = state.names.keys().chain(&state.folders).filter(|it| it.parent() == Some(path));
        Ok(all.filter_map(|it| Some(it.file_name()?.to_str()?.to_owned())).collect())
    }

    fn free(&self) -> io::Result<u64> {
        Ok(u64::MAX / 2)
    }

    fn allocate(&self, _: &Path, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self) -> io::Result<bool> {
        let mut state = self.state();
        Ok(!std::mem::replace(&mut state.is_locked, true))
    }

    fn unlock(&self) {
        self.state().is_locked = false;
    }

    fn is_durable(&self) -> bool {
        // The file of the index survives the deaths of this disk.
        false
    }

    fn index(&self) -> PathBuf {
        self.index.clone()
    }

    fn index_identity(&self) -> io::Result<Option<(u64, u64)>> {
        self.state().alive().map(|()| Some((1, 1)))
    }

    fn commit(&self, commit: &mut dyn FnMut() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        let mut state = self.state();
        let step = state.step();
        // A commit that failed may have reached the disk.
        if step.is_ok() || state.dice.coin() {
            commit()?;
        }
        step.map_err(|error| {
            let code = match error.kind() {
                ErrorKind::StorageFull => rusqlite::ffi::SQLITE_FULL,
                ErrorKind::ReadOnlyFilesystem => rusqlite::ffi::SQLITE_READONLY,
                _ => rusqlite::ffi::SQLITE_IOERR,
            };
            rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
        })
    }
}

#[derive(Debug)]
struct File {
    state: Arc<Mutex<State>>,
    content: usize,
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        let step = state.step();
        let whole = bytes.len() as u64;
        let written = if step.is_ok() { whole } else { state.dice.below(whole + 1) };
        let written = usize::try_from(written).unwrap();
        state.contents[self.content].bytes.extend_from_slice(&bytes[..written]);
        step
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        let step = state.step();
        if step.is_ok() || state.dice.coin() {
            let content = &mut state.contents[self.content];
            content.synced = content.bytes.len();
        }
        step
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.state.lock().unwrap();
        state.alive()?;
        let start = usize::try_from(offset).unwrap();
        let bytes = &state.contents[self.content].bytes;
        let found = bytes.get(start..start + buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let state = self.state.lock().unwrap();
        state.alive()?;
        Ok(state.contents[self.content].bytes.len() as u64)
    }
}
