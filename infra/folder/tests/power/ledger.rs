//! What was acknowledged, and what may or may not have happened: everything that a store may show after a power cut.

use std::collections::{BTreeMap, BTreeSet};

use satchel_folder::{Grown, Refusal, Store, StoreError, UploadAddress, WriteCondition};

use crate::support::{at, get, keys};
use crate::work;

/// Bodies above this size are files.
const INSIDE: usize = 32 * 1024;

/// The bytes of an object: pieces, each of a seed and a length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    pub pieces: Vec<(u64, usize)>,
    /// Each piece is a file.
    pub is_multipart: bool,
}

impl Content {
    pub fn one(seed: u64, length: usize) -> Self {
        Self { pieces: vec![(seed, length)], is_multipart: false }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|piece| bytes(*piece)).collect()
    }

    fn files(&self) -> usize {
        if self.is_multipart { self.pieces.len() } else { self.pieces.iter().filter(|(_, len)| *len > INSIDE).count() }
    }
}

/// Unlike those of any other seed, and at any other place.
pub fn bytes((seed, length): (u64, usize)) -> Vec<u8> {
    let mut random = crate::random::Random::new(seed);
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).collect();
    bytes.truncate(length);
    bytes
}

/// A key: what is there for certain, unless one of the others is.
#[derive(Debug, Default)]
pub struct Entry {
    pub known: Option<Content>,
    pub perhaps: Vec<Option<Content>>,
    /// Is written on the condition that nothing is there, by several at once.
    pub once: bool,
}

/// A multipart upload that was begun, and not acknowledged as finished.
#[derive(Debug)]
pub struct Upload {
    pub at: UploadAddress,
    /// Acknowledged.
    pub parts: Vec<(u64, usize)>,
    pub is_finishing: bool,
}

/// An upload that grows at its end, and was not acknowledged as an object.
#[derive(Debug)]
pub struct Growth {
    pub at: UploadAddress,
    pub content: Content,
    /// Bytes that were acknowledged.
    pub acknowledged: usize,
    /// Bytes that there may be.
    pub perhaps: usize,
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub entries: BTreeMap<String, Entry>,
    pub uploads: Vec<Upload>,
    pub growing: Vec<Growth>,
    pub acknowledged: usize,
}

impl Ledger {
    /// Compares what a store shows, and takes what was uncertain from it.
    pub async fn compare(&mut self, store: &Store) {
        for (key, entry) in &mut self.entries {
            entry.compare(store, key).await;
        }
        for upload in std::mem::take(&mut self.uploads) {
            self.finish(store, upload).await;
        }
        for growth in std::mem::take(&mut self.growing) {
            self.finish_growing(store, growth).await;
        }
        let there: BTreeSet<&String> = self.entries.iter().filter(|(_, e)| e.known.is_some()).map(|(k, _)| k).collect();
        let listed = keys(store);
        assert_eq!(listed.iter().collect::<BTreeSet<_>>(), there, "the list of objects");
    }

    /// An upload goes on with the parts that were acknowledged, or it became the object.
    async fn finish(&mut self, store: &Store, upload: Upload) {
        let key = &upload.at.object.key;
        let entry = self.entries.entry(key.clone()).or_default();
        let content = Content { pieces: upload.parts, is_multipart: true };
        let is_there = upload.is_finishing && entry.known.as_ref() == Some(&content);
        let parts = match store.parts(&upload.at, 0, 100) {
            Err(StoreError::Refused(Refusal::NoSuchUpload)) if is_there => return,
            parts => parts.unwrap_or_else(|error| panic!("the upload of {key}: {error}")).0,
        };
        assert!(!is_there, "{key} is there, and its upload, too");
        assert!(parts.len() >= content.pieces.len(), "{key} has lost a part");
        if content.pieces.is_empty() {
            return store.abort_upload(upload.at).await.unwrap();
        }
        let named = work::named(&content.pieces);
        store.complete_upload(upload.at.clone(), named, WriteCondition::default(), work::describe).await.unwrap();
        entry.known = Some(content);
        entry.compare(store, key).await;
    }

    /// An upload that grows goes on where it was, or it became the object.
    async fn finish_growing(&mut self, store: &Store, growth: Growth) {
        let Growth { at, content, acknowledged, perhaps } = growth;
        let (key, bytes) = (at.object.key.clone(), content.bytes());
        let entry = self.entries.entry(key.clone()).or_default();
        let Some(to) = store.growing(&at).unwrap() else {
            let is_there = perhaps == bytes.len() && entry.known.as_ref() == Some(&content);
            return assert!(is_there, "the upload of {key} is gone at {acknowledged} bytes");
        };
        let size = usize::try_from(to.size).unwrap();
        assert!([acknowledged, perhaps].contains(&size), "{key} has {size} bytes, not {acknowledged} or {perhaps}");
        // Each piece is a file.
        let first = content.pieces[0].1;
        let mut grown = Grown::Part(to.size);
        for (from, end) in [(size, first), (size.max(first), bytes.len())].into_iter().filter(|(from, end)| from < end)
        {
            let to = store.growing(&at).unwrap().unwrap();
            grown = work::grow(store, &to, &bytes[from..end], &content).await.unwrap();
        }
        assert!(matches!(grown, Grown::Object(_)), "{key}: {grown:?}");
        entry.known = Some(content);
        entry.compare(store, &key).await;
    }

    /// Files that the objects have.
    pub fn files(&self) -> usize {
        self.entries.values().filter_map(|entry| entry.known.as_ref()).map(Content::files).sum()
    }
}

impl Entry {
    async fn compare(&mut self, store: &Store, key: &str) {
        let found = match get(store, key).await {
            Ok(bytes) => Some((bytes, store.head(&at(key)).unwrap().etag)),
            Err(StoreError::Refused(Refusal::NoSuchKey)) => None,
            Err(error) => panic!("{key}: {error}"),
        };
        if self.once && self.known.is_some() {
            // Whoever was acknowledged has won.
            self.perhaps.clear();
        }
        let is_found = |content: &Option<Content>| match (content, &found) {
            (None, None) => true,
            (Some(content), Some((bytes, etag))) => work::etag(&content.pieces) == *etag && content.bytes() == *bytes,
            _ => false,
        };
        let allowed = std::iter::once(self.known.clone()).chain(self.perhaps.drain(..));
        let allowed: Vec<_> = allowed.collect();
        let length = found.as_ref().map(|(bytes, etag)| (bytes.len(), etag));
        self.known = allowed
            .iter()
            .find(|content| is_found(content))
            .unwrap_or_else(|| panic!("{key} is {length:?}, and may be one of {allowed:?}"))
            .clone();
    }
}
