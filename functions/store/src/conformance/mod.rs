//! What every store keeps to, as checks to run against each. Each takes what opens the store: the same one every time, so
//! that what one opening has stored the next one has.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "these are tests")]

mod resumable;

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use satchel_core::{
    content_type::ContentType,
    grant::{Grant, UploadId},
    upload_path::UploadPath,
};

pub use resumable::resumable;

use crate::{
    error::BodyError,
    objects::{Body, Found, Objects, Reader},
};

/// Grants the upload of a text, each time another upload.
fn grant(path: &str, size: usize) -> Grant {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let mut random = [7; 9];
    random[..8].copy_from_slice(&NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Grant {
        path: UploadPath::parse_decoded(path).unwrap(),
        size: size as u64,
        content_type: ContentType::parse("text/plain").unwrap(),
        expires: None,
        owner: None,
        id: UploadId::from_random(random),
        token: None,
    }
}

/// Bytes that differ from place to place.
fn bytes(length: usize) -> Bytes {
    (0_u32..).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).take(length).collect()
}

/// A body that comes in pieces, and to its end or not.
fn streamed(bytes: &Bytes, broken: Option<BodyError>) -> Body {
    let pieces: Vec<_> = bytes.chunks(70_000).map(|piece| Ok(bytes.slice_ref(piece))).collect();
    Body::Streamed(stream::iter(pieces.into_iter().chain(broken.map(Err))).boxed())
}

/// The bytes of the file at a path.
async fn read(store: &impl Objects, path: &UploadPath) -> Option<Bytes> {
    let Found { stored, reader, .. } = store.find(path).await.unwrap()?;
    let pieces: Vec<Bytes> = reader.read(0..stored.size).await.unwrap().try_collect().await.unwrap();
    Some(pieces.concat().into())
}
