//! Reads all that is stored, slowly, to notice damage before somebody asks for the file.

use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::address::Address;
use crate::damage::{Damage, ReadError};
use crate::error::StoreError;
use crate::folder::Store;
use crate::footer::{BLOCK, Checked};
use crate::found::Found;
use crate::record::{Digest, Place, Segment};
use crate::stop::Stop;

/// A pass begins so long after the one before has ended.
const EVERY_MILLIS: u64 = 30 * 86_400_000;
/// How often it is looked whether a pass is due.
const LOOK: Duration = Duration::from_secs(3600);
/// After the start, others have the disk first.
const FIRST_LOOK: Duration = Duration::from_secs(600);
/// Time that is slept for each moment of reading: a tenth of the disk at most.
const REST: u32 = 9;
/// Objects that are looked at between two notes of how far it is.
const PAGE: usize = 100;
/// Files that are open at once; of an object of more, what others delete meanwhile waits.
const OPEN_AT_ONCE: usize = 8;
/// Bytes read at once.
const STRIDE: u64 = 16 * BLOCK;
const CURSOR: &str = "scrub_cursor";
const ENDED: &str = "scrub_ended";

/// What a pass came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Objects that are as they were stored.
    pub sound: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Objects that are not.
    pub damaged: u64,
}

impl Store {
    /// Reads all that is stored and says what of it is damaged, which the listener hears of as well.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn scrub(&self) -> Result<Scrubbed, StoreError> {
        let store = self.clone();
        tokio::task::spawn_blocking(move || {
            let (mut total, mut cursor) = (Scrubbed::default(), String::new());
            while let Some((next, page)) = store.scrub_page(&cursor, &mut || false)? {
                total = total.and(page);
                cursor = next;
            }
            Ok(total)
        })
        .await?
    }

    /// One page of a pass, from behind a cursor; `None` at the end.
    fn scrub_page(
        &self,
        cursor: &str,
        rest: &mut dyn FnMut() -> bool,
    ) -> Result<Option<(String, Scrubbed)>, StoreError> {
        let (bucket, after) = cursor.split_once('/').unwrap_or((cursor, ""));
        for (name, _) in self.buckets()?.into_iter().filter(|(name, _)| name.as_str() >= bucket) {
            let after = if name == bucket { after } else { "" };
            let entries = self.snapshot()?.rows().objects_from(&name, after.as_bytes(), after.is_empty(), PAGE);
            let entries = self.noting(entries)?;
            let Some((last, _)) = entries.last() else { continue };
            let cursor = format!("{name}/{last}");
            let mut page = Scrubbed::default();
            for (key, _) in entries {
                page = page.and(self.scrub_object(&Address { bucket: name.clone(), key }, rest)?);
            }
            return Ok(Some((cursor, page)));
        }
        Ok(None)
    }

    fn scrub_object(&self, at: &Address, rest: &mut dyn FnMut() -> bool) -> Result<Scrubbed, StoreError> {
        let what = at.to_string();
        let checked = match self.find(at) {
            Ok(found) => self.check(found, rest),
            // Deleted meanwhile.
            Err(StoreError::Refused(_)) => return Ok(Scrubbed::default()),
            Err(StoreError::Damaged { .. }) => return Ok(Scrubbed { damaged: 1, ..Scrubbed::default() }),
            Err(error) => return Err(error),
        };
        match checked {
            Ok(bytes) => Ok(Scrubbed { sound: 1, bytes, damaged: 0 }),
            Err(ReadError::Damaged(damage)) => {
                self.watch().damaged(&what, &damage.to_string());
                Ok(Scrubbed { damaged: 1, ..Scrubbed::default() })
            }
            // A bad sector, as a rule: what is behind it is read all the same.
            Err(ReadError::Io(error)) => {
                self.watch().damaged(&what, &format!("it cannot be read: {error}"));
                Ok(Scrubbed { damaged: 1, ..Scrubbed::default() })
            }
        }
    }

    fn check(&self, found: Found, rest: &mut dyn FnMut() -> bool) -> Result<u64, ReadError> {
        match &found.record.place {
            Place::Inside => {
                let sound = found.record.head.sha256.is_none_or(|sha256| sha256 == Digest::of(&found.body));
                let sound = sound && found.record.head.size == found.body.len() as u64;
                if sound { Ok(found.record.head.size) } else { Err(Damage::Digest.into()) }
            }
            Place::Files(segments) if segments.len() <= OPEN_AT_ONCE => {
                let open = |segment: &Segment| Ok((self.open_segment(segment)?, *segment));
                let files = segments.iter().map(open).collect::<Result<Vec<_>, ReadError>>()?;
                // Reading takes long, and what others delete meanwhile need not wait for it.
                drop(found.guard);
                files.iter().map(|(file, segment)| check_file(file, segment, rest)).sum()
            }
            Place::Files(segments) => {
                segments.iter().map(|segment| check_file(&self.open_segment(segment)?, segment, rest)).sum()
            }
        }
    }

    fn open_segment(&self, segment: &Segment) -> Result<Checked, ReadError> {
        self.blobs().open_blob(segment.blob)?.of_length(segment.len)
    }
}

fn check_file(file: &Checked, segment: &Segment, rest: &mut dyn FnMut() -> bool) -> Result<u64, ReadError> {
    let (mut hasher, mut at) = (Sha256::new(), 0);
    while at < segment.len {
        let end = segment.len.min(at + STRIDE);
        hasher.update(file.read(at..end)?);
        at = end;
        if rest() {
            // The store closes; what was read was sound.
            return Ok(at);
        }
    }
    if Digest(hasher.finalize().into()) != segment.sha256 {
        return Err(Damage::Digest.into());
    }
    Ok(segment.len)
}

impl Scrubbed {
    fn and(self, other: Self) -> Self {
        Self { sound: self.sound + other.sound, bytes: self.bytes + other.bytes, damaged: self.damaged + other.damaged }
    }
}

/// What the thread does until it is told to stop, or nobody has the store any more.
pub(crate) fn run(store: impl Fn() -> Option<Store>, stop: &Stop) {
    let mut look = FIRST_LOOK;
    while !stop.sleep(look) {
        look = LOOK;
        let Some(store) = store() else { return };
        // What cannot be read or noted now is tried again at the next look.
        if is_due(&store) {
            let _ = pass(&store, stop);
        }
    }
}

fn is_due(store: &Store) -> bool {
    let ended = store.snapshot().ok().and_then(|snapshot| snapshot.rows().get::<i64>(ENDED).ok().flatten());
    let ended = ended.and_then(|ended| u64::try_from(ended).ok()).unwrap_or(0);
    store.now().abs_diff(ended) >= EVERY_MILLIS
}

fn pass(store: &Store, stop: &Stop) -> Result<(), StoreError> {
    let mut cursor = store.snapshot()?.rows().get::<String>(CURSOR)?.unwrap_or_default();
    let mut worked_since = Instant::now();
    let mut rest = move || {
        let stopped = stop.sleep(worked_since.elapsed() * REST);
        worked_since = Instant::now();
        stopped
    };
    while let Some((next, _)) = store.scrub_page(&cursor, &mut rest)? {
        if rest() {
            return Ok(());
        }
        cursor = next;
        let noted = cursor.clone();
        store.writer().tell(move |tables| Ok(Ok(tables.rows.set(CURSOR, &noted)?)));
    }
    let now = i64::try_from(store.now()).unwrap_or(i64::MAX);
    store.writer().tell(move |tables| {
        tables.rows.set(CURSOR, &"")?;
        Ok(Ok(tables.rows.set(ENDED, &now)?))
    });
    Ok(())
}
