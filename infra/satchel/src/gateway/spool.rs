//! Bodies that wait to be whole: a small one in memory, a larger one in a file without a name, so that many slow clients
//! take disk and hardly memory.

use std::{
    fs::File,
    io::{self, Write},
    ops::Range,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::Arc,
    thread,
};

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::spawn_blocking,
};

use super::{
    answer::GatewayError,
    body::{self, Arriving, BodyError},
};

/// Smaller bodies have been sent before any refusal could arrive: they are read first, and wait in memory.
pub const READ_FIRST: u64 = 64 * 1024;
/// What is gathered before it goes to the file.
const PIECE: usize = 16 * 1024;
/// Pieces that are written at the same time, each on a thread.
const WRITERS: usize = 8;

/// The room for bodies on disk.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    /// Bytes of the disk that bodies leave free.
    min_free: u64,
    writers: Semaphore,
    loader: mpsc::Sender<Load>,
}

/// A file of which something is to be read, and who waits for it.
type Load = (Arc<File>, Range<u64>, oneshot::Sender<io::Result<Bytes>>);

/// A body that has come to its end, or a part of one.
#[derive(Debug)]
pub enum Whole {
    /// A small one.
    Memory(Bytes),
    /// A larger one: where it is in a file. The system frees that with its handle, even after a crash.
    File(Arc<File>, Range<u64>),
}

impl Whole {
    /// Bytes there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, range) => range.end - range.start,
        }
    }

    /// The bytes in this range of a body, which has as many.
    pub fn slice(&self, range: Range<u64>) -> Self {
        match self {
            Self::Memory(bytes) => Self::Memory(bytes.slice(range.start as usize..range.end as usize)),
            Self::File(file, whole) => Self::File(Arc::clone(file), whole.start + range.start..whole.start + range.end),
        }
    }
}

/// A body that is taken in parts. What came together with the end of one belongs to the next.
pub struct Cut {
    body: Arriving<Incoming>,
    rest: Bytes,
}

impl Cut {
    /// Takes a body that nothing was read of.
    pub fn new(body: Incoming) -> Self {
        Self { body: Arriving::new(body), rest: Bytes::new() }
    }

    /// At most so many bytes; `None` at the end.
    async fn next(&mut self, most: u64) -> Result<Option<Bytes>, BodyError> {
        while self.rest.is_empty() {
            match self.body.next().await? {
                Some(bytes) => self.rest = bytes,
                None => return Ok(None),
            }
        }
        let length = most.min(self.rest.len() as u64);
        Ok(Some(self.rest.split_to(length as usize)))
    }

    /// Reads what is left, within limits, so that the client gets to see why it was refused.
    pub fn linger(self) {
        body::linger_on(self.body);
    }
}

/// A part of a body.
#[derive(Debug)]
pub struct Part {
    /// Its bytes.
    pub whole: Whole,
    /// How many they are.
    pub length: u64,
    /// How the body has ended, if it has.
    pub end: Option<Result<(), BodyError>>,
}

impl Spool {
    /// Keeps bodies in `folder`, as long as `min_free` bytes stay free there.
    pub fn new(folder: PathBuf, min_free: u64) -> Self {
        let (loader, mut loads) = mpsc::channel::<Load>(1);
        // One thread makes all large buffers: each thread's allocator keeps what its largest ones took. It ends with the
        // sender.
        thread::spawn(move || {
            while let Some((file, range, loaded)) = loads.blocking_recv() {
                // Nobody listens where the request has failed meanwhile.
                let _ = loaded.send(read(&file, range));
            }
        });
        Self { folder, min_free, writers: Semaphore::new(WRITERS), loader }
    }

    /// Whether a body of so many bytes may wait here; small ones do in memory.
    pub fn has_room_for(&self, bytes: u64) -> io::Result<()> {
        if bytes <= READ_FIRST {
            return Ok(());
        }
        let system = rustix::fs::statvfs(&self.folder)?;
        let free = system.f_bavail.saturating_mul(system.f_frsize);
        if free < self.min_free.saturating_add(bytes) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// Reads a body of `announced` bytes to its end.
    pub async fn take(&self, body: Incoming, announced: u64) -> Result<Whole, GatewayError> {
        let mut body = Cut::new(body);
        let part = match self.part(&mut body, announced).await {
            Ok(part) => part,
            Err(full) => {
                body.linger();
                return Err(GatewayError::Spool(full));
            }
        };
        match part.end {
            Some(end) => end?,
            None if body.next(1).await?.is_some() => return Err(BodyError::TooLong.into()),
            None => {}
        }
        Ok(part.whole)
    }

    /// Reads at most so many bytes of a body, fewer where it ends.
    pub async fn part(&self, body: &mut Cut, most: u64) -> io::Result<Part> {
        self.has_room_for(most)?;
        let room = if most <= READ_FIRST { READ_FIRST as usize } else { PIECE };
        let mut gathered = BytesMut::with_capacity(most.min(room as u64) as usize);
        let (mut file, mut length) = (None, 0);
        let end = loop {
            if length == most {
                break None;
            }
            let bytes = match body.next(most - length).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break Some(Ok(())),
                Err(error) => break Some(Err(error)),
            };
            if gathered.len() + bytes.len() > room {
                file = Some(self.append(file, gathered.split().freeze()).await?);
            }
            length += bytes.len() as u64;
            gathered.extend_from_slice(&bytes);
        };
        body.body.rest();
        let whole = match file {
            None => Whole::Memory(gathered.freeze()),
            file => Whole::File(Arc::new(self.append(file, gathered.freeze()).await?), 0..length),
        };
        Ok(Part { whole, length, end })
    }

    /// All of a body, or of a part of it, in memory.
    pub async fn load(&self, body: Whole) -> Result<Bytes, GatewayError> {
        let (file, range) = match body {
            Whole::Memory(bytes) => return Ok(bytes),
            Whole::File(file, range) => (file, range),
        };
        let (loaded, bytes) = oneshot::channel();
        let ended = |_| GatewayError::Spool(io::ErrorKind::BrokenPipe.into());
        self.loader.send((file, range, loaded)).await.map_err(|_| ended(()))?;
        bytes.await.map_err(|_| ended(()))?.map_err(GatewayError::Spool)
    }

    async fn append(&self, file: Option<File>, piece: Bytes) -> io::Result<File> {
        let _turn = self.writers.acquire().await;
        let folder = file.is_none().then(|| self.folder.clone());
        let written = spawn_blocking(move || {
            let mut file = match (file, folder) {
                (Some(file), _) => file,
                (None, folder) => tempfile::tempfile_in(folder.unwrap_or_default())?,
            };
            file.write_all(&piece)?;
            Ok(file)
        });
        written.await.map_err(io::Error::other)?
    }
}

fn read(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}
