//! Those who use a store until it fails.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use satchel_folder::{
    Address, Completion, Described, Growing, Grown, Headers, NamedPart, PartRecord, Refusal, Store, StoreError,
    UploadAddress, UploadRecord, WriteCondition,
};

use crate::ledger::{Content, Entry, Growth, Ledger, Upload, bytes};
use crate::random::Random;
use crate::support::{absent, at};

/// Around what is kept in the index, blocks, and what is written at once.
const SIZES: [usize; 12] = [0, 1, 700, 20_000, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 200_000, 400_000];
const PART: usize = satchel_folder::MIN_PART_BYTES as usize;
/// Keys of each.
const KEYS: usize = 8;

/// One of those who work at once.
pub struct Worker {
    pub number: usize,
    pub store: Store,
    pub ledger: Arc<Mutex<Ledger>>,
    pub random: Random,
}

impl Worker {
    /// Works until something fails, and says what.
    pub async fn work(mut self) -> StoreError {
        loop {
            if let Err(error) = self.step().await {
                return error;
            }
            self.ledger.lock().unwrap().acknowledged += 1;
        }
    }

    async fn step(&mut self) -> Result<(), StoreError> {
        let key = self.key();
        match self.random.below(100) {
            0..50 => {
                let content = self.content();
                self.put(&key, content).await
            }
            50..65 => self.delete(&key).await,
            65..80 => self.copy(&key).await,
            80..95 => self.create_once().await,
            95..98 => self.upload(&key).await,
            _ => self.upload_growing(&format!("{key}/grown")).await,
        }
    }

    fn key(&mut self) -> String {
        format!("{}/{}", self.number, self.random.below(KEYS))
    }

    fn content(&mut self) -> Content {
        Content::one(self.random.next(), self.random.pick(&SIZES))
    }

    fn entry<T>(&self, key: &str, with: impl FnOnce(&mut Entry) -> T) -> T {
        with(self.ledger.lock().unwrap().entries.entry(key.to_owned()).or_default())
    }

    /// Notes what may happen, and then that it has.
    async fn noting<T>(
        &self,
        key: &str,
        becomes: Option<Content>,
        happens: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.entry(key, |entry| entry.perhaps.push(becomes.clone()));
        let happened = happens.await?;
        self.entry(key, |entry| *entry = Entry { known: becomes, ..Entry::default() });
        Ok(happened)
    }

    async fn put(&mut self, key: &str, content: Content) -> Result<(), StoreError> {
        let present = self.entry(key, |entry| entry.known.clone());
        // Nobody else writes this key, so each condition holds.
        let condition = match (present, self.random.below(3)) {
            (Some(present), 0) => WriteCondition { absent: false, matches: Some(etag(&present.pieces)) },
            (None, 0) => absent(),
            _ => WriteCondition::default(),
        };
        self.noting(key, Some(content.clone()), put(&self.store, key, &content, condition)).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.noting(key, None, self.store.delete(at(key), None)).await
    }

    async fn copy(&mut self, from: &str) -> Result<(), StoreError> {
        let to = self.key();
        let Some(content) = self.entry(from, |entry| entry.known.clone()).filter(|_| to != from) else { return Ok(()) };
        let found = self.store.find(&at(from))?;
        let copied = self.store.copy(found, at(&to), None, WriteCondition::default());
        self.noting(&to, Some(content), copied).await.map(drop)
    }

    /// Creates what others are about to create, too.
    async fn create_once(&mut self) -> Result<(), StoreError> {
        let key = format!("once/{}", self.ledger.lock().unwrap().acknowledged / 32);
        let content = self.content();
        self.entry(&key, |entry| {
            entry.once = true;
            entry.perhaps.push(Some(content.clone()));
        });
        let created = put(&self.store, &key, &content, absent()).await;
        self.entry(&key, |entry| match &created {
            Ok(()) => {
                assert!(entry.known.is_none(), "{key} was created twice");
                entry.known = Some(content);
            }
            Err(StoreError::Refused(_)) => entry.perhaps.retain(|perhaps| perhaps.as_ref() != Some(&content)),
            Err(_) => {}
        });
        match created {
            Err(StoreError::Refused(Refusal::PreconditionFailed { .. })) => Ok(()),
            created => created,
        }
    }

    async fn upload(&mut self, key: &str) -> Result<(), StoreError> {
        let object = at(key);
        let id = self.store.begin_upload(object.clone(), Headers::default(), None, false).await?;
        let at = UploadAddress { object, id };
        let last = (self.random.next(), self.random.pick(&SIZES[1..]));
        let parts = if self.random.chance(50) { vec![(self.random.next(), PART), last] } else { vec![last] };
        let mut upload = Upload { at, parts: Vec::new(), is_finishing: false };
        let done = self.upload_parts(&mut upload, parts, key).await;
        if done.is_err() {
            self.ledger.lock().unwrap().uploads.push(upload);
        }
        done
    }

    async fn upload_parts(&self, upload: &mut Upload, parts: Vec<(u64, usize)>, key: &str) -> Result<(), StoreError> {
        for (number, part) in (1..).zip(parts) {
            let body = receive(&self.store, bytes(part)).await?;
            let described = Described { etag: etag(&[part]), ..Described::default() };
            self.store.put_part(upload.at.clone(), number, described, body).await?;
            upload.parts.push(part);
        }
        upload.is_finishing = true;
        let content = Content { pieces: upload.parts.clone(), is_multipart: true };
        let named = named(&upload.parts);
        let completed = self.store.complete_upload(upload.at.clone(), named, WriteCondition::default(), describe);
        self.noting(key, Some(content), completed).await.map(drop)
    }
}

impl Worker {
    /// In chunks: the last part in two, which become one file.
    async fn upload_growing(&mut self, key: &str) -> Result<(), StoreError> {
        if self.entry(key, |entry| entry.known.is_some()) {
            self.delete(key).await?;
        }
        let last = (self.random.next(), self.random.pick(&SIZES[2..]));
        let (large, cut) = ((self.random.next(), PART), self.random.below(last.1 - 1) + 1);
        let pieces = if self.random.chance(50) { vec![large, last] } else { vec![last] };
        let content = Content { pieces, is_multipart: true };
        let (bytes, object) = (content.bytes(), at(key));
        let ends = [bytes.len() - last.1, bytes.len() - last.1 + cut, bytes.len()];
        // Without its first bytes, so that one whose name was never heard has no file.
        let none = receive(&self.store, Vec::new()).await?;
        let id = self.store.begin_growing(object.clone(), Headers::default(), bytes.len() as u64, none).await?;
        let mut growth = Growth { at: UploadAddress { object, id }, content, acknowledged: 0, perhaps: 0 };
        let done = self.add(&mut growth, &bytes, ends).await;
        if done.is_err() {
            self.ledger.lock().unwrap().growing.push(growth);
        }
        done
    }

    async fn add(&self, growth: &mut Growth, bytes: &[u8], ends: [usize; 3]) -> Result<(), StoreError> {
        for end in ends.into_iter().filter(|end| *end > 0) {
            let from = growth.acknowledged;
            growth.perhaps = end;
            let to = self.store.growing(&growth.at)?.ok_or(Refusal::NoSuchUpload)?;
            let grown = grow(&self.store, &to, &bytes[from..end], &growth.content);
            if end < bytes.len() {
                grown.await?;
            } else {
                let content = growth.content.clone();
                self.noting(&growth.at.object.key, Some(content), grown).await?;
            }
            growth.acknowledged = end;
        }
        Ok(())
    }
}

pub async fn grow(store: &Store, to: &Growing, bytes: &[u8], content: &Content) -> Result<Grown, StoreError> {
    let pieces: Vec<_> = bytes.chunks(50_000).map(|piece| Ok::<_, StoreError>(Bytes::copy_from_slice(piece))).collect();
    let received = store.receive_more(to, stream::iter(pieces), bytes.len() as u64, ()).await?;
    let etag = etag(&content.pieces);
    let describe = move |_: &[&PartRecord]| Described { etag, ..Described::default() };
    store.grow(received.body, Completion { describe, beside: None }).await
}

async fn receive(store: &Store, bytes: Vec<u8>) -> Result<satchel_folder::Body, StoreError> {
    let length = bytes.len() as u64;
    let pieces: Vec<_> = bytes.chunks(50_000).map(|piece| Ok::<_, StoreError>(Bytes::copy_from_slice(piece))).collect();
    Ok(store.receive(stream::iter(pieces), length, ()).await?.0)
}

async fn put(store: &Store, key: &str, content: &Content, condition: WriteCondition) -> Result<(), StoreError> {
    let body = receive(store, content.bytes()).await?;
    let described = Described { etag: etag(&content.pieces), ..Described::default() };
    let address: Address = at(key);
    store.put(address, described, body, condition).await.map(drop)
}

pub fn etag(pieces: &[(u64, usize)]) -> String {
    pieces.iter().map(|(seed, length)| format!("{seed:x}.{length}")).collect::<Vec<_>>().join("-")
}

pub fn named(parts: &[(u64, usize)]) -> Vec<NamedPart> {
    (1..).zip(parts).map(|(number, part)| NamedPart { number, etag: etag(&[*part]) }).collect()
}

pub fn describe(_: &UploadRecord, parts: &[&PartRecord]) -> Result<Described, Refusal> {
    let etags: Vec<_> = parts.iter().map(|part| part.etag.as_str()).collect();
    Ok(Described { etag: etags.join("-"), ..Described::default() })
}
