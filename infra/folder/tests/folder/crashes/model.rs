//! What a workload may find.

use std::collections::BTreeMap;

use bytes::Bytes;
use satchel_folder::{Grown, Store, StoreError, UploadAddress};

use crate::growing::completion;
use crate::support::get;

pub const KEYS: u64 = 4;

/// What a key may hold: more than one where the last operation on it was not acknowledged.
#[derive(Debug, Clone)]
pub struct Expected(pub Vec<Option<Vec<u8>>>);

impl Default for Expected {
    fn default() -> Self {
        Self(vec![None])
    }
}

/// An upload that grows, and was not acknowledged as an object.
#[derive(Debug)]
pub struct Growth {
    pub at: UploadAddress,
    pub bytes: Vec<u8>,
    /// How large it may be: more than one where the last addition was not acknowledged.
    pub sizes: Vec<usize>,
    pub may_be_gone: bool,
}

/// What has been acknowledged, and what hangs in the air.
#[derive(Debug, Default)]
pub struct Model(pub BTreeMap<String, Expected>, pub Vec<Growth>);

impl Model {
    pub fn of(&self, key: &str) -> Expected {
        self.0.get(key).cloned().unwrap_or_default()
    }

    /// Takes note of an operation that was to leave `next`.
    pub fn note<T>(&mut self, key: &str, next: Option<Vec<u8>>, done: &Result<T, StoreError>) {
        let expected = self.0.entry(key.to_owned()).or_default();
        match done {
            Ok(_) => expected.0 = vec![next],
            Err(StoreError::Refused(_)) => {}
            Err(_) => expected.0.push(next),
        }
    }

    /// Everything is as it may be; what hung in the air has come down.
    pub async fn check(&mut self, store: &Store, context: &str) {
        for n in 0..KEYS {
            let key = format!("k{n}");
            let found = match get(store, &key).await {
                Ok(bytes) => Some(bytes),
                Err(StoreError::Refused(_)) => None,
                Err(error) => panic!("{context}: {key}: {error}"),
            };
            let expected = self.of(&key);
            let sizes = |it: &Option<Vec<u8>>| it.as_ref().map(|it| (it.len(), it.first().copied()));
            assert!(
                expected.0.contains(&found),
                "{context}: {key} is {:?} and may be {:?}",
                sizes(&found),
                expected.0.iter().map(sizes).collect::<Vec<_>>()
            );
            self.0.insert(key, Expected(vec![found]));
        }
        for growth in std::mem::take(&mut self.1) {
            self.finish(store, growth, context).await;
        }
    }

    /// An upload goes on where it was.
    async fn finish(&mut self, store: &Store, growth: Growth, context: &str) {
        let Growth { at: upload, bytes, sizes, may_be_gone } = growth;
        let Some(to) = store.growing(&upload).unwrap() else {
            return assert!(may_be_gone, "{context}: the upload of {} is gone", upload.object);
        };
        let size = usize::try_from(to.size).unwrap();
        assert!(sizes.contains(&size), "{context}: the upload of {} has {size} bytes, not {sizes:?}", upload.object);
        let rest = futures_util::stream::iter([Ok::<_, StoreError>(Bytes::copy_from_slice(&bytes[size..]))]);
        let rest = store.receive_more(&to, rest, 0, ()).await.unwrap().body;
        let (key, grown) = (upload.object.key, store.grow(rest, completion()).await.unwrap());
        match grown {
            Grown::Object(_) => {
                assert!(get(store, &key).await.unwrap() == bytes, "{context}: {key}");
                self.0.insert(key, Expected(vec![Some(bytes)]));
            }
            Grown::Exists => assert_ne!(self.of(&key).0, [None], "{context}: {key}"),
            grown => panic!("{context}: {key}: {grown:?}"),
        }
    }
}
