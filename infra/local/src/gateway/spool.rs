//! Bodies that wait to be whole: a small one in memory, a larger one in a file without a name, so that many slow clients
//! take disk and hardly memory.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::PathBuf,
    thread,
};

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::spawn_blocking,
};

use super::{
    READ_FIRST,
    answer::GatewayError,
    body::{self, Arriving, BodyError},
};

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

/// A file that is to be read, and who waits for it.
type Load = (File, oneshot::Sender<io::Result<Bytes>>);

/// A body that has come to its end.
#[derive(Debug)]
pub enum Whole {
    /// A small one.
    Memory(Bytes),
    /// A larger one. The system frees it with its handle, even after a crash.
    File(File),
}

impl Spool {
    /// Keeps bodies in `folder`, as long as `min_free` bytes stay free there.
    pub fn new(folder: PathBuf, min_free: u64) -> Self {
        let (loader, mut loads) = mpsc::channel::<Load>(1);
        // One thread makes all large buffers: each thread's allocator keeps what its largest ones took. It ends with the
        // sender.
        thread::spawn(move || {
            while let Some((file, loaded)) = loads.blocking_recv() {
                // Nobody listens where the request has failed meanwhile.
                let _ = loaded.send(read(&file));
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
        if let Err(full) = self.has_room_for(announced) {
            body::linger(body);
            return Err(GatewayError::Spool(full));
        }
        let (mut body, mut file, mut before) = (Arriving::new(body), None, 0);
        let room = if announced <= READ_FIRST { READ_FIRST as usize } else { PIECE };
        let mut gathered = BytesMut::with_capacity(announced.min(room as u64) as usize);
        while let Some(bytes) = body.next().await? {
            if before + (gathered.len() + bytes.len()) as u64 > announced {
                return Err(BodyError::TooLong.into());
            }
            if gathered.len() + bytes.len() > room {
                before += gathered.len() as u64;
                file = Some(self.append(file, gathered.split().freeze()).await.map_err(GatewayError::Spool)?);
            }
            gathered.extend_from_slice(&bytes);
        }
        match file {
            None => Ok(Whole::Memory(gathered.freeze())),
            file => self.append(file, gathered.freeze()).await.map(Whole::File).map_err(GatewayError::Spool),
        }
    }

    /// All of a body in memory.
    pub async fn load(&self, body: Whole) -> Result<Bytes, GatewayError> {
        let file = match body {
            Whole::Memory(bytes) => return Ok(bytes),
            Whole::File(file) => file,
        };
        let (loaded, bytes) = oneshot::channel();
        let ended = |_| GatewayError::Spool(io::ErrorKind::BrokenPipe.into());
        self.loader.send((file, loaded)).await.map_err(|_| ended(()))?;
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

fn read(file: &File) -> io::Result<Bytes> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes.into())
}
