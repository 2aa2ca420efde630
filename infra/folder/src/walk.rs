//! A walk over the objects under a prefix, a chunk at a time.

use std::ops::ControlFlow;

use crate::error::StoreError;
use crate::index::Snapshot;
use crate::record::ObjectHead;

/// Objects that are read at once.
pub(crate) const CHUNK: usize = 1000;

/// Every object under a prefix that can be read, until `visit` has seen enough.
pub(crate) fn each(
    snapshot: &Snapshot,
    bucket: &str,
    prefix: &str,
    mut visit: impl FnMut(&str, &ObjectHead) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let mut chunk = snapshot.rows().objects_from(bucket, prefix.as_bytes(), true, CHUNK)?;
    while let Some((last, _)) = chunk.last() {
        let last = last.clone();
        for (key, head) in chunk {
            let seen_enough = !key.starts_with(prefix) || head.is_some_and(|head| visit(&key, &head).is_break());
            if seen_enough {
                return Ok(());
            }
        }
        chunk = snapshot.rows().objects_from(bucket, last.as_bytes(), false, CHUNK)?;
    }
    Ok(())
}
