//! Listings: pages over sorted keys with prefix and delimiter, seeking past what is rolled up.

use std::ops::Bound;

use super::Store;
use super::error::StoreError;
use super::record::{ObjectHead, UploadRecord, decode};

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
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
pub(crate) struct Page<T> {
    pub entries: Vec<(String, T)>,
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

impl Query {
    /// Where to begin: the prefix, or behind `after`.
    fn start(&self) -> Bound<Vec<u8>> {
        match &self.after {
            Some(after) if after.as_bytes() >= self.prefix.as_bytes() => Bound::Excluded(after.clone().into_bytes()),
            _ => Bound::Included(self.prefix.clone().into_bytes()),
        }
    }
}

impl Store {
    /// One page of a bucket's objects.
    pub(crate) fn list_objects(&self, bucket: &str, query: &Query) -> Result<Page<ObjectHead>, StoreError> {
        self.bucket(bucket)?;
        let objects = self.snapshot()?.objects()?;
        let entries = |start: Bound<Vec<u8>>| {
            let start = start.as_ref().map(|key| (bucket, key.as_slice()));
            let range = objects.range((start, Bound::Unbounded))?;
            Ok(range.map(|entry| {
                let (key, record) = entry?;
                let (in_bucket, key) = key.value();
                let within = in_bucket == bucket && key.starts_with(query.prefix.as_bytes());
                within.then(|| Ok((text(key), decode::<ObjectHead>(record.value())?))).transpose()
            }))
        };
        walk(query, entries)
    }

    /// One page of a bucket's uploads under way. Several uploads of one key count one by one; a page never ends
    /// between them unless `after_id` is used to go on.
    pub(crate) fn list_uploads(
        &self,
        bucket: &str,
        query: &Query,
        after_id: Option<&str>,
    ) -> Result<Page<(String, UploadRecord)>, StoreError> {
        self.bucket(bucket)?;
        let uploads = self.snapshot()?.uploads()?;
        let entries = |start: Bound<Vec<u8>>| {
            // Keys repeat here, so "after a key" is after all its uploads, or after the one that is named.
            let start = match (&start, after_id) {
                (Bound::Excluded(key), Some(id)) if query.after.as_deref().map(str::as_bytes) == Some(key) => {
                    Bound::Excluded((bucket, key.as_slice(), id))
                }
                (Bound::Excluded(key), _) => Bound::Excluded((bucket, key.as_slice(), "\u{10ffff}")),
                (Bound::Included(key), _) => Bound::Included((bucket, key.as_slice(), "")),
                (Bound::Unbounded, _) => Bound::Included((bucket, &b""[..], "")),
            };
            let range = uploads.range((start, Bound::Unbounded))?;
            Ok(range.map(|entry| {
                let (key, record) = entry?;
                let (in_bucket, key, id) = key.value();
                let within = in_bucket == bucket && key.starts_with(query.prefix.as_bytes());
                within.then(|| Ok((text(key), (id.to_owned(), decode(record.value())?)))).transpose()
            }))
        };
        walk(query, entries)
    }
}

/// Keys are stored from `str`, so nothing is lost here.
fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

/// Walks the entries that `entries` gives from a bound on; it gives `None` where prefix or bucket end.
fn walk<T, I, F>(query: &Query, entries: F) -> Result<Page<T>, StoreError>
where
    F: Fn(Bound<Vec<u8>>) -> Result<I, StoreError>,
    I: Iterator<Item = Result<Option<(String, T)>, StoreError>>,
{
    let page = Page { entries: Vec::new(), prefixes: Vec::new(), next: None };
    let mut walk = Walk { query, page };
    let mut start = Some(query.start());
    if query.limit == 0 {
        start = None;
    }
    'seek: while let Some(bound) = start.take() {
        for entry in entries(bound)? {
            let Some((key, entry)) = entry? else { break };
            match walk.visit(key, entry) {
                Some(Step::On) => {}
                Some(Step::Seek(behind)) => {
                    start = Some(Bound::Included(behind));
                    continue 'seek;
                }
                None => return Ok(walk.page),
            }
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
