//! Requests as bytes, made before the clock starts.

use super::peers::Peer;

/// A request; its body is made while it is sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// Request line and headers.
    pub head: Vec<u8>,
    /// Bytes of its body.
    pub body: u64,
    /// Bytes of the answer, where it is a file.
    pub answer: Option<u64>,
}

impl Request {
    /// The storing of a file.
    pub fn put(peer: &Peer, name: &str, bytes: u64) -> Self {
        let (target, query, headers) = (peer.target(name), peer.query(name, bytes), peer.allowing(name, bytes));
        let line = format!("PUT {target}{query} HTTP/1.1\r\nHost: {}\r\n", peer.host());
        let head = format!("{line}{headers}Content-Length: {bytes}\r\n\r\n");
        Self { head: head.into_bytes(), body: bytes, answer: None }
    }

    /// The reading of a file.
    pub fn get(peer: &Peer, name: &str, bytes: u64) -> Self {
        let head = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", peer.target(name), peer.host());
        Self { head: head.into_bytes(), body: 0, answer: Some(bytes) }
    }

    /// Whether this is what a request of this kind is answered with.
    pub fn expects(&self, status: u16) -> bool {
        status == if self.answer.is_some() { 200 } else { 201 }
    }
}
