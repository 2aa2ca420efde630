//! Stores on folders of their own, and what they hear.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use satchel_folder::{
    Address, Described, Found, Notice, ObjectHead, OpenError, Store, StoreError, StoreOptions, WriteCondition,
};

pub const BUCKET: &str = "bucket";
/// Larger than what is kept in the index.
pub const LARGE: usize = 200_000;

/// A folder, the time there, and what its stores had to say.
pub struct Folder {
    root: tempfile::TempDir,
    /// Where it was before it was killed: the killed store may not know yet.
    before: Vec<tempfile::TempDir>,
    pub clock: Arc<AtomicU64>,
    heard: Arc<Mutex<Vec<Notice>>>,
}

impl Folder {
    pub fn new() -> Self {
        // 2026-11-26T00:00:00Z.
        let clock = Arc::new(AtomicU64::new(1_795_651_200_000));
        Self { root: tempfile::tempdir().unwrap(), before: Vec::new(), clock, heard: Arc::default() }
    }

    pub fn path(&self) -> PathBuf {
        self.root.path().join("store")
    }

    pub fn options(&self) -> StoreOptions {
        let (clock, heard) = (Arc::clone(&self.clock), Arc::clone(&self.heard));
        StoreOptions {
            clock: Arc::new(move || clock.load(Ordering::SeqCst)),
            listener: Arc::new(move |notice| heard.lock().unwrap().push(notice.clone())),
            floor: 0,
            reserve: 0,
            scrubs: false,
            ..StoreOptions::default()
        }
    }

    pub async fn open(&self) -> Store {
        let store = self.try_open().await.unwrap();
        store.create_bucket(BUCKET).await.unwrap();
        store
    }

    pub async fn try_open(&self) -> Result<Store, OpenError> {
        Store::open_with(&self.path(), self.options()).await
    }

    /// What was said since the last time.
    pub fn heard(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// Leaves the store as a killed process would: nothing is finished or closed, and the lock is gone. What the process
    /// had put on disk is copied to another folder, which is this one from then on.
    pub fn killed(mut self) -> Self {
        let root = tempfile::tempdir().unwrap();
        copy_all(self.root.path(), root.path());
        self.before.push(std::mem::replace(&mut self.root, root));
        self
    }

    /// All files below `blobs`, sorted.
    pub fn blobs(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for folder in std::fs::read_dir(self.path().join("blobs")).unwrap() {
            files.extend(std::fs::read_dir(folder.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
        }
        files.sort();
        files
    }

    /// The names in the quarantine.
    pub fn aside(&self) -> Vec<String> {
        let Ok(days) = std::fs::read_dir(self.path().join("quarantine")) else { return Vec::new() };
        let files = days.flat_map(|day| std::fs::read_dir(day.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    pub fn index(&self) -> PathBuf {
        self.path().join("index.sqlite")
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::DirBuilder::new().mode(0o700).create(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub fn at(key: &str) -> Address {
    Address { bucket: BUCKET.into(), key: key.into() }
}

/// Bytes that differ from place to place.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}

pub async fn put(store: &Store, key: &str, bytes: &[u8]) -> Result<ObjectHead, StoreError> {
    put_if(store, key, bytes, WriteCondition::default()).await
}

pub fn absent() -> WriteCondition {
    WriteCondition { absent: true, matches: None }
}

pub async fn put_if(store: &Store, key: &str, bytes: &[u8], when: WriteCondition) -> Result<ObjectHead, StoreError> {
    let pieces: Vec<_> = bytes.chunks(10_000).map(|piece| Ok::<_, StoreError>(Bytes::copy_from_slice(piece))).collect();
    let (body, ()) = store.receive(stream::iter(pieces), bytes.len() as u64, ()).await?;
    let described = Described { etag: format!("{:x}", bytes.len()), ..Described::default() };
    store.put(at(key), described, body, when).await
}

pub async fn get(store: &Store, key: &str) -> Result<Vec<u8>, StoreError> {
    read(store, store.find(&at(key))?).await
}

pub async fn read(store: &Store, found: Found) -> Result<Vec<u8>, StoreError> {
    let size = found.head().size;
    let pieces: Vec<Bytes> = store.read(found, 0..size).await?.try_collect().await?;
    Ok(pieces.concat())
}

/// All keys.
pub fn keys(store: &Store) -> Vec<String> {
    let query = satchel_folder::Query { limit: 100_000, ..satchel_folder::Query::default() };
    store.list_objects(BUCKET, &query).unwrap().entries.into_iter().map(|(key, _)| key).collect()
}

/// A body that never ends its last byte.
pub fn stalling(bytes: usize) -> impl futures_util::Stream<Item = Result<Bytes, StoreError>> + Unpin {
    stream::iter([Ok(Bytes::from(vec![0; bytes]))]).chain(stream::pending())
}
