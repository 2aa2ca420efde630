//! Takes a body in: counts and hashes it, keeps a small one in memory and writes a larger one to a file. Constant memory.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use sha2::{Digest as _, Sha256};

use crate::blobs::{Blobs, Draft};
use crate::error::{Refusal, StoreError};
use crate::folder::Store;
use crate::intake::{Gathering, Intake, Sink};
use crate::observer::Observer;
use crate::record::Digest;
use crate::room::Promise;

/// Bodies of up to so many bytes are in memory until they are put: to hand them to threads that may block, and back, piece by
/// piece, takes longer than to write them.
const GATHERED_BYTES: u64 = 128 * 1024;

/// A body that is here as a whole; gone when it is dropped without being stored.
#[derive(Debug)]
pub struct Body {
    pub(crate) content: Content,
    /// In bytes.
    pub size: u64,
    /// Of all of it.
    pub sha256: Digest,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// For the index.
    Small(Bytes),
    /// For a file that is written, synced and closed in one go.
    Gathered(Gathered),
    File(Box<Draft>),
}

/// A body in memory, hashed, and the room that its file will take.
#[derive(Debug)]
pub(crate) struct Gathered {
    bytes: Bytes,
    sha256: Sha256,
    _promise: Promise,
    _memory: Gathering,
}

impl Gathered {
    fn new(bytes: Bytes, promise: Promise, memory: Gathering) -> Self {
        Self { sha256: Sha256::new_with_prefix(&bytes), bytes, _promise: promise, _memory: memory }
    }
}

impl From<Gathered> for Body {
    fn from(gathered: Gathered) -> Self {
        let sha256 = Digest(gathered.sha256.clone().finalize().into());
        Self { size: gathered.bytes.len() as u64, sha256, content: Content::Gathered(gathered) }
    }
}

impl Content {
    /// In a file, however small. Blocks.
    pub(crate) fn into_file(self, blobs: &Blobs) -> std::io::Result<Box<Draft>> {
        let draft = match self {
            Self::File(draft) => return Ok(draft),
            Self::Small(bytes) => {
                let mut draft = blobs.begin()?;
                draft.append(&bytes)?;
                draft
            }
            Self::Gathered(Gathered { bytes, sha256, .. }) => blobs.begin_with(&bytes, sha256)?,
        };
        Ok(Box::new(draft))
    }
}

impl Body {
    /// A body that is in memory and small.
    pub(crate) fn small(bytes: Bytes) -> Self {
        Self { size: bytes.len() as u64, sha256: Digest::of(&bytes), content: Content::Small(bytes) }
    }
}

/// How a body has ended.
#[derive(Debug)]
pub enum Ended<E> {
    /// Where it said.
    Whole,
    /// Not yet: there is more of it than was to be taken.
    TooLong,
    /// Before that.
    Broken(E),
}

/// A body as far as it has come.
#[derive(Debug)]
pub struct Received<B, O, E> {
    /// The bytes.
    pub body: B,
    /// Has seen all of them.
    pub observer: O,
    /// How it has ended.
    pub ended: Ended<E>,
}

impl<B, O, E> Received<B, O, E> {
    fn map<C>(self, to: impl FnOnce(B) -> C) -> Received<C, O, E> {
        let Self { body, observer, ended } = self;
        Received { body: to(body), observer, ended }
    }
}

/// How much of a body is to be taken.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// No more than so many bytes.
    pub most: u64,
    /// So many are sure to come, as far as that is known: room is promised for them.
    pub announced: u64,
}

impl Store {
    /// Reads `body` to its end, which must come after `length` bytes, and shows `observer` all of it. On any error, or
    /// when the future is dropped, nothing stays behind.
    ///
    /// # Errors
    /// [`Refusal::IncompleteBody`], [`StoreError::Full`], or the disk or the body failed.
    pub async fn receive<S, E, O>(&self, body: S, length: u64, observer: O) -> Result<(Body, O), StoreError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
        O: Observer,
    {
        let room = Room { most: length, announced: length };
        let Received { body, observer, ended } = self.receive_some(body, room, observer).await?;
        match ended {
            Ended::Whole if body.size == length => Ok((body, observer)),
            Ended::Whole => Err(incomplete(body.size, length).into()),
            Ended::TooLong => Err(incomplete(length.saturating_add(1), length).into()),
            Ended::Broken(error) => Err(StoreError::Body(error.into())),
        }
    }

    /// Reads `body` as far as it comes, and shows `observer` all of that. What is not stored afterwards does not stay
    /// behind.
    ///
    /// # Errors
    /// [`StoreError::Full`], or the disk failed.
    pub async fn receive_some<S, E, O>(
        &self,
        body: S,
        room: Room,
        observer: O,
    ) -> Result<Received<Body, O, E>, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        O: Observer,
    {
        let promise = self.promise(room.announced)?;
        let inside = self.inside();
        if room.most <= inside {
            return Ok(gather(body, room.most, observer).await.map(Body::small));
        }
        let memory = usize::try_from(room.most).ok().filter(|_| room.most <= GATHERED_BYTES);
        if let Some(memory) = memory.and_then(|bytes| self.shares().gather(bytes)) {
            let received = gather(body, room.most, observer).await;
            let fits = |bytes: &Bytes| bytes.len() as u64 <= inside;
            let put_aside = |bytes| Gathered::new(bytes, promise, memory);
            return Ok(received.map(|bytes| if fits(&bytes) { Body::small(bytes) } else { put_aside(bytes).into() }));
        }
        let sink = Sink { blobs: self.blobs().clone(), draft: None, promise, observer };
        self.receive_into(sink, body, room.most).await
    }

    /// The same of what goes behind the bytes that `draft` has.
    pub(crate) async fn receive_behind<S, E, O>(
        &self,
        draft: Box<Draft>,
        body: S,
        room: Room,
        observer: O,
    ) -> Result<Received<Body, O, E>, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        O: Observer,
    {
        let promise = self.promise(room.announced)?;
        let sink = Sink { blobs: self.blobs().clone(), draft: Some(draft), promise, observer };
        self.receive_into(sink, body, room.most).await
    }

    async fn receive_into<S, E, O>(&self, sink: Sink<O>, body: S, most: u64) -> Result<Received<Body, O, E>, StoreError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        O: Observer,
    {
        let share = self.shares().take();
        large(Intake::of(sink, share), body, most).await.inspect_err(|error| self.watch().failed(error))
    }

    fn promise(&self, bytes: u64) -> Result<Promise, StoreError> {
        self.room().promise(bytes).inspect_err(|error| {
            // One that is too large for what is left says nothing about the disk.
            if self.room().admit(0).is_err() {
                self.watch().failed(error);
            }
        })
    }
}

fn incomplete(received: u64, announced: u64) -> Refusal {
    Refusal::IncompleteBody { received, announced }
}

async fn gather<S, E, O>(mut body: S, most: u64, mut observer: O) -> Received<Bytes, O, E>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    O: Observer,
{
    let (mut whole, mut ended) = (BytesMut::new(), Ended::Whole);
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) if (whole.len() + piece.len()) as u64 > most => ended = Ended::TooLong,
            Ok(piece) => {
                whole.extend_from_slice(&piece);
                continue;
            }
            Err(error) => ended = Ended::Broken(error),
        }
        break;
    }
    observer.update(&whole);
    Received { body: whole.freeze(), observer, ended }
}

async fn large<S, E, O>(mut intake: Intake<O>, mut body: S, most: u64) -> Result<Received<Body, O, E>, StoreError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    O: Observer,
{
    let mut ended = Ended::Whole;
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) if intake.received + piece.len() as u64 > most => ended = Ended::TooLong,
            Ok(piece) => {
                intake.take(piece).await?;
                continue;
            }
            Err(error) => ended = Ended::Broken(error),
        }
        break;
    }
    let Sink { draft, observer, .. } = *intake.finish().await?;
    let body = match draft {
        Some(draft) => Body { size: draft.len(), sha256: draft.digest(), content: Content::File(draft) },
        None => Body::small(Bytes::new()),
    };
    Ok(Received { body, observer, ended })
}
