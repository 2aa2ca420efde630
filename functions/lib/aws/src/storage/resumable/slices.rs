//! A chunk of any size, in slices that memory has room for and S3 takes as parts.

use bytes::Bytes;
use futures_util::StreamExt;
use satchel_store::{Body, BodyError, Chunk, ChunkError, Pieces as Streamed};

use super::pieces::Pieces;

/// S3's smallest part: a slice can become one as it is, and waits for no other.
const SLICE_BYTES: u64 = 5 * 1024 * 1024;

/// What is left of a chunk.
pub enum Slices {
    /// All that is left, here.
    Here(Bytes),
    /// On its way; what came together with the end of one slice belongs to the next.
    Coming(Streamed<BodyError>, Bytes),
}

/// Some of a chunk.
pub struct Slice {
    /// The bytes.
    pub pieces: Pieces,
    /// How the chunk has ended, if it has.
    pub end: Option<Result<(), BodyError>>,
}

impl Slices {
    /// Those of a chunk in an upload that has room for so many bytes. One that is here is one slice, whatever its size;
    /// one with a checksum is gathered and checked first: whoever hands it over as a stream has memory for it.
    pub async fn of(chunk: Chunk, room: u64) -> Result<Self, ChunkError> {
        let (bytes, checksum) = match (chunk.body, chunk.checksum) {
            (Body::Whole(bytes), checksum) => (bytes, checksum),
            (Body::Streamed(stream), None) => return Ok(Self::Coming(stream, Bytes::new())),
            (Body::Streamed(stream), Some(checksum)) => (gather(stream, room).await?, Some(checksum)),
        };
        checksum.map_or(Ok(()), |checksum| checksum.check(&bytes)).map_err(|_| ChunkError::Mismatch)?;
        Ok(Self::Here(bytes))
    }

    /// Whether there is more, after a slice that was not the last.
    pub async fn goes_on(&mut self) -> Result<bool, BodyError> {
        let Self::Coming(stream, rest) = self else { return Ok(false) };
        while rest.is_empty() {
            match stream.next().await.transpose()? {
                Some(bytes) => *rest = bytes,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The next one.
    pub async fn next(&mut self) -> Slice {
        match self {
            Self::Here(bytes) => Slice { pieces: std::mem::take(bytes).into(), end: Some(Ok(())) },
            Self::Coming(stream, rest) => coming(stream, rest).await,
        }
    }
}

async fn coming(stream: &mut Streamed<BodyError>, rest: &mut Bytes) -> Slice {
    let (mut pieces, mut end) = (Pieces::default(), None);
    while end.is_none() && pieces.len() < SLICE_BYTES {
        if rest.is_empty() {
            match stream.next().await {
                Some(Ok(bytes)) => *rest = bytes,
                ended => end = Some(ended.map_or(Ok(()), |broken| broken.map(drop))),
            }
        }
        let room = usize::try_from(SLICE_BYTES - pieces.len()).unwrap_or(usize::MAX);
        pieces.push(rest.split_to(room.min(rest.len())));
    }
    Slice { pieces, end }
}

/// All of a stream, if that is not more than `room` bytes.
async fn gather(mut stream: Streamed<BodyError>, room: u64) -> Result<Bytes, ChunkError> {
    let mut all = Pieces::default();
    while let Some(bytes) = stream.next().await.transpose()? {
        all.push(bytes);
        if all.len() > room {
            return Err(ChunkError::TooLong);
        }
    }
    Ok(all.into_bytes())
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const PART: usize = SLICE_BYTES as usize;

    async fn slices(sizes: &[usize], broken: bool) -> (Vec<u64>, Result<(), BodyError>) {
        let end = broken.then_some(Err(BodyError::Incomplete));
        let pieces: Vec<_> = sizes.iter().map(|size| Ok(Bytes::from(vec![7; *size]))).chain(end).collect();
        let chunk = Chunk { body: Body::Streamed(stream::iter(pieces).boxed()), length: None, checksum: None };
        let mut slices = Slices::of(chunk, 0).await.unwrap();
        let mut found = Vec::new();
        loop {
            let slice = slices.next().await;
            found.push(slice.pieces.len());
            if let Some(end) = slice.end {
                return (found, end);
            }
        }
    }

    #[tokio::test]
    async fn a_stream_is_cut_at_every_5_mib() {
        for (sizes, expected) in [
            (&[][..], &[0][..]),
            (&[1, 2], &[3]),
            (&[PART], &[PART, 0]),
            (&[PART - 1, 2], &[PART, 1]),
            (&[2 * PART + 1], &[PART, PART, 1]),
        ] {
            let expected: Vec<_> = expected.iter().map(|size| *size as u64).collect();
            assert_eq!(slices(sizes, false).await, (expected.clone(), Ok(())), "{sizes:?}");
            assert_eq!(slices(sizes, true).await, (expected, Err(BodyError::Incomplete)), "{sizes:?}");
        }
    }
}
