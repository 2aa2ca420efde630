//! An uploader and downloader on a kept connection.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{error::BenchError, functions::token};

/// Where a stack listens.
#[derive(Debug, Clone)]
pub struct Target {
    /// Host and port of the gateway.
    pub gateway: String,
}

/// One client: a connection to the program.
pub struct Client {
    target: Target,
    connection: Option<SendRequest<Repeated>>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Client {
    /// A client that has not connected yet.
    pub fn new(target: Target) -> Self {
        Self { target, connection: None }
    }

    /// Stores a file with PUT, or reads one with GET.
    ///
    /// # Errors
    /// Another status than is expected, another length.
    pub async fn send(&mut self, method: &Method, path: String, bytes: u64) -> Result<(), BenchError> {
        let sent = if *method == Method::PUT { self.put(path, bytes).await } else { self.get(path, bytes).await };
        sent.map_err(BenchError::Load)
    }

    async fn put(&mut self, path: String, bytes: u64) -> Result<(), Failure> {
        let target = format!("/upload/{path}?v={}", token(&path, bytes));
        let request = Request::put(target).body(Repeated::new(bytes));
        expect(StatusCode::CREATED, self.exchange(request?).await?).await.map(drop)
    }

    async fn get(&mut self, path: String, bytes: u64) -> Result<(), Failure> {
        let request = Request::get(format!("/upload/{path}")).body(Repeated::new(0))?;
        let file = expect(StatusCode::OK, self.exchange(request).await?).await?;
        if *file.body() == bytes { Ok(()) } else { Err(format!("a file of {} bytes", file.body()).into()) }
    }

    async fn exchange(&mut self, mut request: Request<Repeated>) -> Result<Response<Incoming>, Failure> {
        request.headers_mut().insert("host", self.target.gateway.parse()?);
        let mut sender = match self.connection.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => connect(&self.target.gateway).await?,
        };
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        self.connection = Some(sender);
        Ok(response)
    }
}

async fn connect(authority: &str) -> Result<SendRequest<Repeated>, Failure> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Reads a response to its end; gives it with the number of bytes.
async fn expect(status: StatusCode, response: Response<Incoming>) -> Result<Response<u64>, Failure> {
    let (parts, mut body) = response.into_parts();
    if parts.status != status {
        let said = body.collect().await?.to_bytes();
        return Err(format!("{} instead of {status}: {}", parts.status, String::from_utf8_lossy(&said)).into());
    }
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, |piece| piece.len() as u64);
    }
    Ok(Response::from_parts(parts, bytes))
}

/// A body of any length that takes no memory.
pub struct Repeated {
    left: u64,
}

static PIECE: [u8; 256 * 1_024] = [7; 256 * 1_024];

impl Repeated {
    fn new(bytes: u64) -> Self {
        Self { left: bytes }
    }
}

impl Body for Repeated {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = self.left.min(PIECE.len() as u64);
        self.left -= length;
        let piece = Bytes::from_static(&PIECE).slice(..length as usize);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
