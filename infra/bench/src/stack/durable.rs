//! A bare durable server, to measure others against: reads a body, writes it to a file, syncs file and folder, answers 201.
//! No token, no index, no log. GET sends the file.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::{
    body::{Body, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, runtime::Runtime, task::spawn_blocking};

/// Makes this program play the server that does nothing but write and sync.
pub const DURABLE: &str = "--durable";

/// Bytes read at once.
const PIECE: u64 = 256 * 1_024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves the files of a folder until it is ended.
///
/// # Errors
/// There is no port.
pub fn serve(folder: &Path) -> io::Result<()> {
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("listens on http://{}", listener.local_addr()?);
        let folder: Arc<Path> = folder.into();
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let folder = Arc::clone(&folder);
            let service = service_fn(move |request| answer(Arc::clone(&folder), request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

async fn answer(
    folder: Arc<Path>,
    request: Request<Incoming>,
) -> Result<Response<impl Body<Data = Bytes, Error = Failure>>, Failure> {
    // The files of all folders are in one, as an upload's path is one name.
    let file = folder.join(request.uri().path().trim_start_matches('/').replace('/', "-"));
    if *request.method() == Method::PUT {
        let mut pieces = Vec::new();
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            pieces.extend(frame?.into_data());
        }
        spawn_blocking(move || store(&folder, &file, &pieces)).await??;
        let mut response = Response::new(Either::Left(Full::default().map_err(Failure::from)));
        *response.status_mut() = StatusCode::CREATED;
        return Ok(response);
    }
    let (file, length) = spawn_blocking(move || open(&file)).await??;
    let pieces = stream::try_unfold((file, 0), move |(file, at)| async move {
        if at == length {
            return Ok(None);
        }
        let piece = spawn_blocking(move || read(file, at, length)).await?;
        let (file, bytes) = piece?;
        let next = at + bytes.len() as u64;
        Ok::<_, Failure>(Some((Frame::data(bytes), (file, next))))
    });
    let mut response = Response::new(Either::Right(StreamBody::new(Box::pin(pieces))));
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    Ok(response)
}

fn store(folder: &Path, file: &Path, pieces: &[Bytes]) -> io::Result<()> {
    let mut file = File::create_new(file)?;
    pieces.iter().try_for_each(|piece| file.write_all(piece))?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

fn open(file: &Path) -> io::Result<(File, u64)> {
    let file = File::open(file)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn read(file: File, at: u64, length: u64) -> io::Result<(File, Bytes)> {
    let most = usize::try_from(PIECE.min(length - at)).map_err(io::Error::other)?;
    let mut bytes = vec![0; most];
    file.read_exact_at(&mut bytes, at)?;
    Ok((file, bytes.into()))
}
