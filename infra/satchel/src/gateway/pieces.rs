//! Chunks of the tus protocol on their way to an S3 elsewhere: a piece at a time is in memory, once all of it has come. What
//! has come of a chunk that breaks off is passed on.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use satchel_store::Pieces;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    answer::GatewayError,
    body::BodyError,
    spool::{Cut, Part, Spool, Whole},
    turns::Turns,
};

/// S3's smallest part: a piece can become one as it is, and waits for no other.
const PIECE_BYTES: u64 = 5 * 1024 * 1024;

/// A chunk that is taken in pieces.
pub enum Source {
    /// From the client; how many bytes are still to come, where it has said so.
    Arriving(Cut, Option<u64>),
    /// One that is all here, from this byte of that many.
    Arrived(Whole, u64, u64),
}

impl Source {
    async fn next(&mut self, spool: &Spool) -> Result<Part, GatewayError> {
        match self {
            Self::Arriving(cut, left) => {
                // Where nothing is left the end is.
                let most = left.unwrap_or(PIECE_BYTES).clamp(1, PIECE_BYTES);
                let part = spool.part(cut, most).await.map_err(GatewayError::Spool)?;
                *left = left.map(|left| left.saturating_sub(part.length));
                Ok(part)
            }
            Self::Arrived(whole, at, length) => {
                let (from, to) = (*at, (*length).min(*at + PIECE_BYTES));
                *at = to;
                Ok(Part { whole: whole.slice(from..to), length: to - from, end: (to == *length).then_some(Ok(())) })
            }
        }
    }
}

/// A chunk that is passed on no more.
#[derive(Default)]
pub struct Left {
    /// What of it has not come yet, where that may be waited for.
    cut: Option<Cut>,
    /// Why this machine could not keep a piece until all of it was there.
    pub failed: Option<GatewayError>,
}

impl Left {
    /// Reads what is left, within limits, so that the client gets to see why it was refused.
    pub fn linger(self) {
        if let Some(cut) = self.cut {
            cut.linger();
        }
    }
}

/// A chunk as a stream of pieces, and what is left of it once the stream is dropped.
pub fn spooled(source: Source, spool: Arc<Spool>, turns: Turns) -> (Pieces<BodyError>, oneshot::Receiver<Left>) {
    let (back, left) = oneshot::channel();
    let spooling =
        Spooling { source: Some(source), spool, turns, turn: None, end: None, failed: None, back: Some(back) };
    let pieces = stream::unfold(spooling, async |mut spooling| {
        let piece = spooling.next().await?;
        Some((piece, spooling))
    });
    (pieces.boxed(), left)
}

struct Spooling {
    source: Option<Source>,
    spool: Arc<Spool>,
    turns: Turns,
    /// That of the piece that is being stored.
    turn: Option<OwnedSemaphorePermit>,
    end: Option<Result<(), BodyError>>,
    failed: Option<GatewayError>,
    back: Option<oneshot::Sender<Left>>,
}

impl Spooling {
    async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        self.turn = None;
        while self.end.is_none() {
            match self.load().await {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Some(Ok(bytes)),
                Err(error) => {
                    self.failed = Some(error);
                    // Whoever asks for what is left learns the truth.
                    self.end = Some(Err(BodyError::Incomplete));
                }
            }
        }
        self.end.replace(Ok(()))?.err().map(Err)
    }

    async fn load(&mut self) -> Result<Bytes, GatewayError> {
        let Some(source) = &mut self.source else { return Err(GatewayError::Failed) };
        let Part { whole, end, .. } = source.next(&self.spool).await?;
        self.end = end;
        self.turn = self.turns.of(&whole).await;
        self.spool.load(whole).await
    }
}

impl Drop for Spooling {
    fn drop(&mut self) {
        let cut = match self.source.take() {
            Some(Source::Arriving(cut, _)) if self.end.is_none() || self.failed.is_some() => Some(cut),
            _ => None,
        };
        if let Some(back) = self.back.take() {
            // Nobody may be interested.
            let _ = back.send(Left { cut, failed: self.failed.take() });
        }
    }
}
