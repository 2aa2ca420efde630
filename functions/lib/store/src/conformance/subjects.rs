//! What the checks store.

use std::pin::pin;

use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    future::{Either, select},
    stream,
};
use satchel_core::{
    content_type::ContentType,
    digest::Sha256Digest,
    grant::{Grant, UploadId},
    upload_path::UploadPath,
};

use tokio::sync::oneshot;

use crate::{Body, BodyError, NewUpload, Objects, Pieces, Reader};

/// Bytes that differ from place to place, and from one `seed` to the next.
pub(super) fn bytes(length: usize, seed: u32) -> Bytes {
    (seed..).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).take(length).collect()
}

pub(super) fn path(decoded: &str) -> UploadPath {
    UploadPath::parse_decoded(decoded).unwrap()
}

/// Grants an upload of so many bytes, without owner, expiry and token. Each `id` is another upload.
pub(super) fn grant(at: &str, size: u64, id: u64) -> Grant {
    let mut random = [0; 9];
    random[..8].copy_from_slice(&id.to_be_bytes());
    Grant {
        path: path(at),
        size,
        content_type: ContentType::default(),
        expires: None,
        owner: None,
        id: UploadId::from_random(random),
        token: None,
    }
}

/// The same of a body.
pub(super) fn upload(at: &str, body: &Bytes, id: u64) -> NewUpload {
    NewUpload { grant: grant(at, body.len() as u64, id), digest: None }
}

/// The same of bytes whose digest was announced.
pub(super) fn announced(at: &str, body: &Bytes, digest: &Bytes, id: u64) -> NewUpload {
    NewUpload { digest: Some(Sha256Digest::of(digest)), ..upload(at, body, id) }
}

/// A body in pieces of this many bytes, and how it ends.
pub(super) fn pieces(body: &Bytes, length: usize, end: Option<BodyError>) -> Body {
    let count = body.len().div_ceil(length);
    let body = body.clone();
    let slice = move |at: usize| body.slice(at * length..body.len().min((at + 1) * length));
    let pieces = stream::iter(0..count).map(move |at| Ok(slice(at)));
    Body::Streamed(pieces.chain(stream::iter(end.map(Err))).boxed())
}

/// A body that never comes to its end, and what tells that its start was taken.
pub(super) fn endless(start: &Bytes) -> (Body, oneshot::Receiver<()>) {
    let (taken, told) = oneshot::channel();
    let rest = stream::once(async move {
        let _ = taken.send(());
        std::future::pending().await
    });
    (Body::Streamed(stream::iter([Ok(start.clone())]).chain(rest).boxed()), told)
}

/// Both ways in which a body may come.
pub(super) fn both(body: &Bytes) -> [Body; 2] {
    [Body::Whole(body.clone()), pieces(body, 10_000, None)]
}

pub(super) async fn collected<E: std::fmt::Debug>(pieces: Pieces<E>) -> Result<Bytes, E> {
    let pieces: Vec<Bytes> = pieces.try_collect().await?;
    Ok(pieces.concat().into())
}

/// All bytes of what is at a path; `None` where there is nothing.
pub(super) async fn read<S: Objects>(store: &S, at: &str) -> Option<Bytes> {
    let found = store.find(&path(at)).await.unwrap()?;
    Some(collected(found.reader.read(0..found.stored.size).await.unwrap()).await.unwrap())
}

/// Drops a future once something has happened on its way.
pub(super) async fn drop_midway(work: impl Future, reached: oneshot::Receiver<()>) {
    match select(pin!(work), reached).await {
        Either::Left(_) => panic!("it was to wait for ever"),
        Either::Right((reached, _)) => reached.unwrap(),
    }
}
