//! One kept connection that sends requests which were prepared beforehand, reads the answers to their end and throws their
//! bytes away: what it takes of the processor is not there for the server.

use std::{io::IoSlice, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::requests::Request;
use crate::error::BenchError;

/// Bytes read at once.
const BUFFER: usize = 256 * 1_024;
const HEADERS: usize = 64;

/// All bodies are made of it.
static PIECE: [u8; 1_024 * 1_024] = [7; 1_024 * 1_024];

/// A connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

struct Head {
    /// Bytes of the buffer that it takes.
    length: usize,
    status: u16,
    body: u64,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn connect(address: SocketAddr) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER] })
    }

    /// Sends a request and reads the answer to its end.
    ///
    /// # Errors
    /// Another status than is expected, another length.
    pub async fn exchange(&mut self, request: &Request) -> Result<(), BenchError> {
        self.send(request).await?;
        let (head, mut got) = self.head().await?;
        if !request.expects(head.status) {
            let said = String::from_utf8_lossy(&self.buffer[..got]);
            return Err(BenchError::Load(format!("answered otherwise than expected: {said}").into()));
        }
        got -= head.length;
        let mut left = head.body.saturating_sub(got as u64);
        while left > 0 {
            got = self.stream.read(&mut self.buffer).await?;
            if got == 0 {
                return Err(BenchError::Load("the connection was closed within an answer".into()));
            }
            left = left.saturating_sub(got as u64);
        }
        match request.answer {
            Some(bytes) if bytes != head.body => Err(BenchError::Load(format!("a file of {} bytes", head.body).into())),
            _ => Ok(()),
        }
    }

    async fn send(&mut self, request: &Request) -> Result<(), BenchError> {
        let first = usize::try_from(request.body).map_or(PIECE.len(), |body| body.min(PIECE.len()));
        let both = [IoSlice::new(&request.head), IoSlice::new(&PIECE[..first])];
        let mut sent = self.stream.write_vectored(&both).await?;
        if let Some(rest) = request.head.get(sent..) {
            self.stream.write_all(rest).await?;
            sent = request.head.len();
        }
        let mut left = request.body - (sent - request.head.len()) as u64;
        while left > 0 {
            let most = usize::try_from(left).map_or(PIECE.len(), |left| left.min(PIECE.len()));
            left -= self.stream.write(&PIECE[..most]).await? as u64;
        }
        Ok(())
    }

    /// Reads a head; also gives how many bytes are in the buffer, of the body's, too.
    async fn head(&mut self) -> Result<(Head, usize), BenchError> {
        let mut filled = 0;
        loop {
            let got = self.stream.read(&mut self.buffer[filled..]).await?;
            if got == 0 {
                return Err(BenchError::Load("the connection was closed before an answer".into()));
            }
            filled += got;
            if let Some(head) = parse(&self.buffer[..filled])? {
                return Ok((head, filled));
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Option<Head>, BenchError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|error| BenchError::Load(error.into()))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let announced = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body = announced.and_then(|header| str::from_utf8(header.value).ok()?.parse().ok()).unwrap_or(0);
    Ok(Some(Head { length, status: response.code.unwrap_or_default(), body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_complete_with_its_empty_line() {
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n").unwrap().is_none());
        let head = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nab").unwrap().unwrap();
        assert_eq!((head.length, head.status, head.body), (38, 200, 7));
        assert!(parse(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
    }
}
