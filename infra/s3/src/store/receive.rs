//! Takes a body in: hashes it, writes it to a blob, refuses it when length or digest differ. Constant memory.

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use s3s::TrailingHeaders;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

use super::blobs::{Blobs, PendingBlob, TempBlob};
use super::error::{Refusal, StoreError};
use super::record::{Checksum, ChecksumAlgorithm, Segment};

/// Bytes gathered before they are handed to a blocking thread. Two such batches are in memory at a time.
const BATCH_BYTES: usize = 256 * 1024;

impl ChecksumAlgorithm {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The header or trailer that carries it.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }
}

/// What the sender announced about the body.
#[derive(Default)]
pub(crate) struct Announced {
    /// In bytes; the body must have exactly so many.
    pub length: u64,
    /// `Content-MD5`, base64.
    pub md5: Option<String>,
    /// The algorithm to compute, and the digest where it came as a header (base64).
    pub checksum: Option<(ChecksumAlgorithm, Option<String>)>,
    /// Where the digest follows the body.
    pub trailers: Option<TrailingHeaders>,
}

/// A body that is on disk, verified and durable.
#[derive(Debug)]
pub(crate) struct Received {
    /// In bytes.
    pub size: u64,
    pub md5: [u8; 16],
    pub checksum: Option<Checksum>,
    /// `None` for an empty body.
    pub blob: Option<PendingBlob>,
}

impl Received {
    /// The segments a record names it by.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.blob.iter().map(|blob| Segment { blob: blob.id, len: self.size }).collect()
    }
}

/// Hashers of the algorithms, one of which may run beside MD5.
enum Hasher {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64Nvme(Crc64Nvme),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    fn new(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm {
            ChecksumAlgorithm::Crc32 => Self::Crc32(Crc32::new()),
            ChecksumAlgorithm::Crc32c => Self::Crc32c(Crc32c::new()),
            ChecksumAlgorithm::Crc64Nvme => Self::Crc64Nvme(Crc64Nvme::new()),
            ChecksumAlgorithm::Sha1 => Self::Sha1(Sha1::new()),
            ChecksumAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(bytes),
            Self::Crc32c(hasher) => hasher.update(bytes),
            Self::Crc64Nvme(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    fn finalize(self) -> Vec<u8> {
        match self {
            Self::Crc32(hasher) => hasher.finalize().to_vec(),
            Self::Crc32c(hasher) => hasher.finalize().to_vec(),
            Self::Crc64Nvme(hasher) => hasher.finalize().to_vec(),
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
        }
    }
}

/// The digest of `bytes` under `algorithm`.
pub(crate) fn digest(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Vec<u8> {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finalize()
}

/// The MD5 of `bytes`.
pub(crate) fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::checksum(bytes)
}

/// The blob being written. Lives on blocking threads.
struct Sink {
    blobs: Blobs,
    temp: Option<TempBlob>,
    md5: Md5,
    hasher: Option<(ChecksumAlgorithm, Hasher)>,
    size: u64,
}

impl Sink {
    fn new(blobs: Blobs, algorithm: Option<ChecksumAlgorithm>) -> Self {
        let hasher = algorithm.map(|algorithm| (algorithm, Hasher::new(algorithm)));
        Self { blobs, temp: None, md5: Md5::new(), hasher, size: 0 }
    }

    fn write(&mut self, batch: &[Bytes]) -> Result<(), StoreError> {
        for bytes in batch.iter().filter(|bytes| !bytes.is_empty()) {
            self.md5.update(bytes);
            if let Some((_, hasher)) = &mut self.hasher {
                hasher.update(bytes);
            }
            if self.temp.is_none() {
                self.temp = Some(self.blobs.begin()?);
            }
            if let Some(temp) = &mut self.temp {
                temp.file.write_all(bytes)?;
            }
            self.size += bytes.len() as u64;
        }
        Ok(())
    }

    fn finish(self, announced: &Announced) -> Result<Received, StoreError> {
        let md5 = self.md5.finalize();
        if let Some(expected) = &announced.md5 {
            verify("content-md5", expected, &md5)?;
        }
        let checksum = match self.hasher {
            Some((algorithm, hasher)) => Some(announced.verify_checksum(algorithm, hasher.finalize())?),
            None => None,
        };
        let blob = self.temp.map(TempBlob::publish).transpose()?;
        Ok(Received { size: self.size, md5, checksum, blob })
    }
}

impl Announced {
    fn verify_checksum(&self, algorithm: ChecksumAlgorithm, digest: Vec<u8>) -> Result<Checksum, StoreError> {
        let header = algorithm.header();
        let in_header = self.checksum.as_ref().and_then(|(_, expected)| expected.clone());
        let in_trailer = || {
            let trailers = self.trailers.as_ref()?;
            trailers.read(|headers| headers.get(header)?.to_str().ok().map(str::to_owned)).flatten()
        };
        let Some(expected) = in_header.or_else(in_trailer) else {
            // A checksum was promised for the end of the body, and the body ended without.
            return Err(Refusal::InvalidDigest { digest: header }.into());
        };
        verify(header, &expected, &digest)?;
        Ok(Checksum { algorithm, digest, parts: 0 })
    }
}

fn verify(name: &'static str, expected: &str, actual: &[u8]) -> Result<(), Refusal> {
    let decoded = BASE64_STANDARD.decode(expected).map_err(|_| Refusal::InvalidDigest { digest: name })?;
    if decoded.len() != actual.len() {
        return Err(Refusal::InvalidDigest { digest: name });
    }
    if decoded != actual {
        return Err(Refusal::BadDigest { digest: name });
    }
    Ok(())
}

/// Reads `body` to its end and stores it. On any error, or when the future is dropped, nothing stays behind.
pub(crate) async fn receive<S>(blobs: &Blobs, body: S, announced: Announced) -> Result<Received, StoreError>
where
    S: Stream<Item = Result<Bytes, s3s::StdError>> + Unpin,
{
    let mut intake = Intake::new(Sink::new(blobs.clone(), announced.checksum.as_ref().map(|(it, _)| *it)));
    let mut body = body;
    while let Some(bytes) = body.next().await {
        intake.take(bytes.map_err(StoreError::Body)?, announced.length).await?;
    }
    if intake.received != announced.length {
        return Err(intake.incomplete(announced.length).into());
    }
    let (mut sink, rest) = intake.end().await?;
    spawn_blocking(move || {
        sink.write(&rest)?;
        sink.finish(&announced)
    })
    .await?
}

/// Gathers batches, and keeps one being written while the next arrives.
struct Intake {
    sink: Option<Sink>,
    writing: Option<JoinHandle<Result<Sink, StoreError>>>,
    batch: Vec<Bytes>,
    batched: usize,
    received: u64,
}

impl Intake {
    fn new(sink: Sink) -> Self {
        Self { sink: Some(sink), writing: None, batch: Vec::new(), batched: 0, received: 0 }
    }

    async fn take(&mut self, bytes: Bytes, announced: u64) -> Result<(), StoreError> {
        self.received += bytes.len() as u64;
        if self.received > announced {
            return Err(self.incomplete(announced).into());
        }
        self.batched += bytes.len();
        self.batch.push(bytes);
        if self.batched >= BATCH_BYTES { self.dispatch().await } else { Ok(()) }
    }

    async fn dispatch(&mut self) -> Result<(), StoreError> {
        let Some(mut sink) = self.settle().await? else { return Err(StoreError::Closed) };
        let batch = std::mem::take(&mut self.batch);
        self.batched = 0;
        self.writing = Some(spawn_blocking(move || sink.write(&batch).map(|()| sink)));
        Ok(())
    }

    /// Waits for the batch being written and takes the sink.
    async fn settle(&mut self) -> Result<Option<Sink>, StoreError> {
        match self.writing.take() {
            Some(writing) => Ok(Some(writing.await??)),
            None => Ok(self.sink.take()),
        }
    }

    async fn end(mut self) -> Result<(Sink, Vec<Bytes>), StoreError> {
        match self.settle().await? {
            Some(sink) => Ok((sink, self.batch)),
            None => Err(StoreError::Closed),
        }
    }

    fn incomplete(&self, announced: u64) -> Refusal {
        Refusal::IncompleteBody { received: self.received, announced }
    }
}
