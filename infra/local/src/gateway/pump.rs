//! A client's body on its way to S3, one piece at a time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{TryStreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use satchel_core::digest::{DigestError, Sha256Digest};
use sha2::{Digest, Sha256};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};

use super::{
    body::{self, Arriving, BodyError},
    front_error::FrontError,
};

/// Small pieces are gathered up to this size, but not for longer than S3 and its watchers take for a standstill: each
/// piece by itself, however small, holds all of the buffer that it was read into.
const PIECE: usize = 16 * 1024;
const GATHER: Duration = Duration::from_secs(15);

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

async fn pump(body: Incoming, mut checked: Checked, pieces: mpsc::Sender<Result<Bytes, FrontError>>) {
    let mut gathering = Gathering { body: Arriving::new(body), gathered: BytesMut::new() };
    loop {
        let piece = match gathering.next().await {
            Ok(Some(piece)) => checked.pass(piece),
            Ok(None) if checked.left == 0 => return,
            Ok(None) => Err(BodyError::Incomplete.into()),
            Err(error) => Err(error.into()),
        };
        let failed = piece.is_err();
        if pieces.send(piece).await.is_err() || failed {
            return body::linger_on(gathering.body);
        }
    }
}

/// A body in pieces that are worth a buffer.
struct Gathering {
    body: Arriving<Incoming>,
    gathered: BytesMut,
}

impl Gathering {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let mut until = None;
        loop {
            let arrived = match until {
                None => self.body.next().await?,
                Some(until) => match timeout_at(until, self.body.next()).await {
                    Ok(arrived) => arrived?,
                    Err(_) => break,
                },
            };
            match arrived {
                Some(piece) if self.gathered.is_empty() && piece.len() >= PIECE / 2 => return Ok(Some(piece)),
                Some(piece) => self.gathered.extend_from_slice(&piece),
                None if self.gathered.is_empty() => return Ok(None),
                None => break,
            }
            if self.gathered.len() >= PIECE {
                break;
            }
            until = until.or_else(|| Some(Instant::now() + GATHER));
        }
        self.body.rest();
        Ok(Some(std::mem::take(&mut self.gathered).freeze()))
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
