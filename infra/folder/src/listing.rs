//! Listings: pages over sorted keys with prefix and delimiter, seeking past what is rolled up.

use crate::error::{Refusal, StoreError};
use crate::folder::Store;
use crate::record::{ObjectHead, UploadRecord};

/// Entries that are read at once.
const CHUNK: usize = 1000;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// What keys begin with.
    pub prefix: String,
    /// Empty: nothing is rolled up.
    pub delimiter: String,
    /// List what comes after this key. Where it is a common prefix itself, also after all it rolls up.
    pub after: Option<String>,
    /// Keys and common prefixes together, at most.
    pub limit: usize,
}

/// One page of a listing.
#[derive(Debug)]
pub struct Page<T> {
    /// Keys, and what is at each.
    pub entries: Vec<(String, T)>,
    /// Common prefixes.
    pub prefixes: Vec<String>,
    /// Where the next page begins (see [`Query::after`]); `None` on the last.
    pub next: Option<String>,
}

/// Where a walk goes on.
enum Step {
    /// With the next entry.
    On,
    /// At or after these bytes.
    Seek(Vec<u8>),
}

/// The state of a walk.
struct Walk<'q, T> {
    query: &'q Query,
    page: Page<T>,
}

impl<T> Walk<'_, T> {
    fn common_prefix(&self, key: &str) -> Option<String> {
        let Query { prefix, delimiter, .. } = self.query;
        if delimiter.is_empty() {
            return None;
        }
        let at = key[prefix.len()..].find(delimiter.as_str())?;
        Some(key[..prefix.len() + at + delimiter.len()].to_owned())
    }

    fn is_full(&self) -> bool {
        self.page.entries.len() + self.page.prefixes.len() >= self.query.limit
    }

    /// Takes one entry in. `None`: the page is full and there is more.
    fn visit(&mut self, key: String, entry: T) -> Option<Step> {
        let common = self.common_prefix(&key);
        if let Some(common) = common {
            let behind = successor(common.as_bytes());
            if self.query.after.as_ref() != Some(&common) {
                if self.is_full() {
                    return None;
                }
                self.page.next = Some(common.clone());
                self.page.prefixes.push(common);
            }
            return Some(Step::Seek(behind));
        }
        if self.is_full() {
            return None;
        }
        self.page.next = Some(key.clone());
        self.page.entries.push((key, entry));
        Some(Step::On)
    }
}

/// The first byte string that does not begin with `prefix` and sorts after all that do. Keys are UTF-8, so none is
/// made of 0xff only.
fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut bytes = prefix.to_vec();
    while let Some(last) = bytes.pop() {
        if last < 0xff {
            bytes.push(last + 1);
            break;
        }
    }
    bytes
}

/// Where a chunk begins.
enum Start<C> {
    /// At or after these bytes.
    At(Vec<u8>),
    /// Behind this entry.
    After(C),
}

impl Store {
    /// One page of a bucket's objects. What is damaged is left out, and said to whoever listens.
    ///
    /// # Errors
    /// There is no such bucket, or the index cannot be read.
    pub fn list_objects(&self, bucket: &str, query: &Query) -> Result<Page<ObjectHead>, StoreError> {
        let snapshot = self.snapshot()?;
        if !snapshot.rows().has_bucket(bucket)? {
            return Err(Refusal::NoSuchBucket.into());
        }
        let start = match &query.after {
            Some(after) if after.as_bytes() >= query.prefix.as_bytes() => Start::After(after.clone()),
            _ => Start::At(query.prefix.clone().into_bytes()),
        };
        walk(query, start, |start, limit| {
            let entries = match start {
                Start::At(bytes) => snapshot.rows().objects_from(bucket, bytes, true, limit),
                Start::After(key) => snapshot.rows().objects_from(bucket, key.as_bytes(), false, limit),
            };
            let entries = self.noting(entries)?.into_iter();
            Ok(entries
                .map(|(key, head)| {
                    self.note_unreadable(bucket, &key, head.is_none());
                    Entry { cursor: key.clone(), key, value: head }
                })
                .collect())
        })
    }

    /// One page of a bucket's uploads under way. Several uploads of one key count one by one; a page never ends
    /// between them unless `after_id` is used to go on.
    ///
    /// # Errors
    /// There is no such bucket, or the index cannot be read.
    pub fn list_uploads(
        &self,
        bucket: &str,
        query: &Query,
        after_id: Option<&str>,
    ) -> Result<Page<(String, UploadRecord)>, StoreError> {
        let snapshot = self.snapshot()?;
        if !snapshot.rows().has_bucket(bucket)? {
            return Err(Refusal::NoSuchBucket.into());
        }
        // Keys repeat here, so "after a key" is after all its uploads, or after the one that is named.
        let start = match &query.after {
            Some(after) if after.as_bytes() >= query.prefix.as_bytes() => {
                Start::After((after.clone(), after_id.unwrap_or("\u{10ffff}").to_owned()))
            }
            _ => Start::At(query.prefix.clone().into_bytes()),
        };
        walk(query, start, |start, limit| {
            let entries = match start {
                Start::At(bytes) => snapshot.rows().uploads_from(bucket, (bytes, ""), true, limit),
                Start::After((key, id)) => snapshot.rows().uploads_from(bucket, (key.as_bytes(), id), false, limit),
            };
            let entries = self.noting(entries)?.into_iter();
            Ok(entries
                .map(|(key, id, record)| {
                    self.note_unreadable(bucket, &key, record.is_none());
                    Entry { cursor: (key.clone(), id.clone()), key, value: record.map(|record| (id, record)) }
                })
                .collect())
        })
    }

    fn note_unreadable(&self, bucket: &str, key: &str, unreadable: bool) {
        if unreadable {
            self.watch().damaged(&format!("{bucket}/{key}"), "its row in the index is not as it was written");
        }
    }
}

/// An entry that was read; without a value where it is damaged.
struct Entry<C, T> {
    cursor: C,
    key: String,
    value: Option<T>,
}

/// Walks the entries that `fetch` gives from a start on, a chunk at a time.
fn walk<T, C, F>(query: &Query, mut start: Start<C>, fetch: F) -> Result<Page<T>, StoreError>
where
    F: Fn(&Start<C>, usize) -> Result<Vec<Entry<C, T>>, StoreError>,
{
    let page = Page { entries: Vec::new(), prefixes: Vec::new(), next: None };
    let mut walk = Walk { query, page };
    if query.limit == 0 {
        return Ok(walk.page);
    }
    let limit = query.limit.saturating_add(1).min(CHUNK);
    'chunks: loop {
        let chunk = fetch(&start, limit)?;
        let is_last = chunk.len() < limit;
        let mut last = None;
        for Entry { cursor, key, value } in chunk {
            if !key.starts_with(&query.prefix) {
                break 'chunks;
            }
            let step = match value {
                Some(value) => walk.visit(key, value),
                None => Some(Step::On),
            };
            match step {
                Some(Step::On) => last = Some(cursor),
                Some(Step::Seek(behind)) => {
                    start = Start::At(behind);
                    continue 'chunks;
                }
                None => return Ok(walk.page),
            }
        }
        match last {
            Some(cursor) if !is_last => start = Start::After(cursor),
            _ => break,
        }
    }
    walk.page.next = None;
    Ok(walk.page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_of_a_prefix_is_behind_all_it_begins() {
        assert_eq!(successor(b"a/"), b"a0");
        assert_eq!(successor(b"a\xff"), b"b");
        assert!(successor("ä".as_bytes()).as_slice() > "ä\u{10ffff}".as_bytes());
    }
}
