//! A client's body on its way to S3, one piece at a time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use satchel_core::digest::{DigestError, Sha256Digest};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use super::{
    body::{self, BodyError},
    front_error::FrontError,
};

/// What the HTTP client sends to S3.
pub type S3Body = UnsyncBoxBody<Bytes, FrontError>;

/// Tells whether S3 still takes something.
pub struct Progress(watch::Receiver<()>);

impl Progress {
    /// Returns once nothing has moved for `patience`.
    pub async fn ceases(&mut self, patience: Duration) {
        loop {
            match tokio::time::timeout(patience, self.0.changed()).await {
                Ok(Ok(())) => {}
                // The body is through; what is left to wait for is the answer.
                Ok(Err(_)) => return tokio::time::sleep(patience).await,
                Err(_) => return,
            }
        }
    }
}

/// The body as it comes, its last piece held back until length and digest are right: S3 keeps nothing of a request
/// that breaks off. A body that S3 stops taking is still read to its end, within limits, so that its client gets to
/// see why.
pub fn pumped(body: Incoming, length: u64, digest: Option<Sha256Digest>) -> (S3Body, Progress) {
    // One piece is on its way while the next is read; more would only take memory.
    let (pieces, taken) = mpsc::channel(1);
    let (moved, progress) = watch::channel(());
    tokio::spawn(pump(body, Checked::new(length, digest), pieces));
    let pieces = stream::unfold((taken, moved), async |(mut taken, moved)| {
        let piece = taken.recv().await?;
        // Nobody listens once the request has failed.
        let _ = moved.send(());
        Some((piece, (taken, moved)))
    });
    (StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync(), Progress(progress))
}

async fn pump(mut body: Incoming, mut checked: Checked, pieces: mpsc::Sender<Result<Bytes, FrontError>>) {
    loop {
        let piece = match body::next(&mut body).await {
            Ok(Some(piece)) => checked.pass(piece),
            Ok(None) if checked.left == 0 => return,
            Ok(None) => Err(BodyError::Incomplete.into()),
            Err(error) => Err(error.into()),
        };
        let failed = piece.is_err();
        if pieces.send(piece).await.is_err() || failed {
            return body::linger(body);
        }
    }
}

/// Counts and hashes what passes.
struct Checked {
    left: u64,
    digest: Option<(Sha256Digest, Sha256)>,
}

impl Checked {
    fn new(length: u64, digest: Option<Sha256Digest>) -> Self {
        Self { left: length, digest: digest.map(|digest| (digest, Sha256::new())) }
    }

    fn pass(&mut self, piece: Bytes) -> Result<Bytes, FrontError> {
        self.left = self.left.checked_sub(piece.len() as u64).ok_or(BodyError::TooLong)?;
        if let Some((digest, hasher)) = &mut self.digest {
            hasher.update(&piece);
            if self.left == 0 && Sha256Digest::from_bytes(hasher.clone().finalize().into()) != *digest {
                return Err(DigestError::Mismatch.into());
            }
        }
        Ok(piece)
    }
}
