//! As much of HTTP/1.1 as the runtime API needs: messages with a Content-Length or in a single chunk, one after another.
//! Blocking, which hyper is not: a thread that sleeps in `read` wakes up sooner than one that goes through an event loop.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

/// Headers in one message.
const MAX_HEADERS: usize = 64;
/// The longest head.
const MAX_HEAD: usize = 64 * 1024;

/// One message.
pub struct Message {
    /// The target of a request, the `Lambda-Runtime-Aws-Request-Id` of a response.
    pub name: String,
    /// The body.
    pub body: Vec<u8>,
}

struct Head {
    name: String,
    /// Bytes of the head itself.
    end: usize,
    body: Framing,
}

/// Where a body ends.
#[derive(Clone, Copy)]
enum Framing {
    /// Bytes.
    Length(usize),
    /// Behind the first chunk, which is the only one.
    Chunk,
}

/// What is behind a chunk that is the only one.
const LAST_CHUNK: &str = "\r\n0\r\n\r\n";

/// A connection, and what has been read of it too early.
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Takes over a connection.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Sends a whole message.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(message)
    }

    /// The next request; `None` once the other side has closed.
    ///
    /// # Errors
    /// What came is none.
    pub fn request(&mut self) -> io::Result<Option<Message>> {
        self.message(request_head)
    }

    /// The next response; `None` once the other side has closed.
    ///
    /// # Errors
    /// What came is none.
    pub fn response(&mut self) -> io::Result<Option<Message>> {
        self.message(response_head)
    }

    fn message(&mut self, parse: fn(&[u8]) -> io::Result<Option<Head>>) -> io::Result<Option<Message>> {
        let head = loop {
            if let Some(head) = parse(&self.read)? {
                break head;
            }
            if self.read.len() > MAX_HEAD || !self.more()? {
                return if self.read.is_empty() { Ok(None) } else { Err(malformed("a broken head")) };
            }
        };
        let (start, length, rest) = match head.body {
            Framing::Length(length) => (head.end, length, 0),
            Framing::Chunk => {
                let (start, length) = self.chunk(head.end)?;
                (start, length, LAST_CHUNK.len())
            }
        };
        let end = start + length;
        while self.read.len() < end + rest {
            self.more_of_body()?;
        }
        if rest > 0 && self.read[end..end + rest] != *LAST_CHUNK.as_bytes() {
            return Err(malformed("more than one chunk"));
        }
        let body = self.read[start..end].to_vec();
        self.read.drain(..end + rest);
        Ok(Some(Message { name: head.name, body }))
    }

    /// Where the chunk begins whose line is at `at`, and how long it is.
    fn chunk(&mut self, at: usize) -> io::Result<(usize, usize)> {
        loop {
            match httparse::parse_chunk_size(&self.read[at..]) {
                Ok(httparse::Status::Complete((line, length))) => {
                    return Ok((at + line, usize::try_from(length).map_err(io::Error::other)?));
                }
                Ok(httparse::Status::Partial) => self.more_of_body()?,
                Err(_) => return Err(malformed("a broken chunk")),
            }
        }
    }

    fn more_of_body(&mut self) -> io::Result<()> {
        if self.more()? { Ok(()) } else { Err(malformed("a broken body")) }
    }

    fn more(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 * 1024];
        let read = self.stream.read(&mut piece)?;
        self.read.extend_from_slice(&piece[..read]);
        Ok(read > 0)
    }
}

fn request_head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(end) = request.parse(bytes).map_err(io::Error::other)? else { return Ok(None) };
    let name = request.path.unwrap_or_default().to_owned();
    Ok(Some(Head { name, end, body: framing(request.headers)? }))
}

fn response_head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(end) = response.parse(bytes).map_err(io::Error::other)? else { return Ok(None) };
    let name = text(response.headers, "lambda-runtime-aws-request-id").unwrap_or_default().to_owned();
    Ok(Some(Head { name, end, body: framing(response.headers)? }))
}

fn framing(headers: &[httparse::Header<'_>]) -> io::Result<Framing> {
    if text(headers, "transfer-encoding").is_some() {
        return Ok(Framing::Chunk);
    }
    let length = text(headers, "content-length").unwrap_or("0");
    length.parse().map(Framing::Length).map_err(|_| malformed("a Content-Length that is no number"))
}

fn text<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a str> {
    let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.value).ok()
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
