//! Cuts the chunks of an unsigned aws-chunked body to the size they arrive in.
//!
//! s3s 0.14 collects a whole chunk in memory before it passes it on, and SDKs may send a 5 GiB body as one chunk.
//! Where chunks carry no signatures their borders mean nothing, so they can be moved.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

/// A chunk's header line is a size in hexadecimal and perhaps an extension; s3s allows as much.
const MAX_LINE: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub(super) enum RechunkError {
    #[error("aws-chunked: a chunk header is malformed")]
    Header,
    #[error("aws-chunked: a chunk is longer than its header says")]
    Border,
}

/// Bytes in, bytes out.
#[derive(Default)]
pub(super) struct Rechunk {
    state: State,
    line: Vec<u8>,
    out: VecDeque<Bytes>,
}

#[derive(Default)]
enum State {
    /// In a chunk's header line.
    #[default]
    Header,
    /// In a chunk, with so many bytes to come.
    Chunk(u64),
    /// In the line break after a chunk, with so many of its bytes seen.
    Break(usize),
    /// Behind the last chunk: trailers pass as they are.
    Trailer,
}

impl Rechunk {
    /// Takes bytes from the network.
    pub(super) fn push(&mut self, mut bytes: Bytes) -> Result<(), RechunkError> {
        while !bytes.is_empty() {
            match self.state {
                State::Header => self.header(&mut bytes)?,
                State::Chunk(left) => self.chunk(&mut bytes, left),
                State::Break(seen) => self.line_break(&mut bytes, seen)?,
                State::Trailer => self.out.push_back(std::mem::take(&mut bytes)),
            }
        }
        Ok(())
    }

    /// Gives bytes to s3s.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    fn header(&mut self, bytes: &mut Bytes) -> Result<(), RechunkError> {
        self.line.push(bytes.get_u8());
        if self.line.len() > MAX_LINE {
            return Err(RechunkError::Header);
        }
        let Some(line) = self.line.strip_suffix(b"\r\n") else { return Ok(()) };
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(size).ok().and_then(|size| u64::from_str_radix(size, 16).ok());
        let size = size.ok_or(RechunkError::Header)?;
        self.line.clear();
        self.state = State::Chunk(size);
        if size == 0 {
            self.out.push_back(Bytes::from_static(b"0\r\n"));
            self.state = State::Trailer;
        }
        Ok(())
    }

    fn chunk(&mut self, bytes: &mut Bytes, left: u64) {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let piece = bytes.split_to(length);
        self.out.push_back(format!("{length:x}\r\n").into());
        self.out.push_back(piece);
        self.out.push_back(Bytes::from_static(b"\r\n"));
        let left = left - length as u64;
        self.state = if left > 0 { State::Chunk(left) } else { State::Break(0) };
    }

    fn line_break(&mut self, bytes: &mut Bytes, seen: usize) -> Result<(), RechunkError> {
        if bytes.get_u8() != b"\r\n"[seen] {
            return Err(RechunkError::Border);
        }
        self.state = if seen == 0 { State::Break(1) } else { State::Header };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pieces: &[&[u8]]) -> Result<String, RechunkError> {
        let mut rechunk = Rechunk::default();
        let mut out = Vec::new();
        for piece in pieces {
            rechunk.push(Bytes::copy_from_slice(piece))?;
            while let Some(bytes) = rechunk.next() {
                out.extend_from_slice(&bytes);
            }
        }
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn chunks_take_the_size_they_arrive_in() {
        let trailer = "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let whole = format!("6\r\nabcdef\r\n{trailer}");
        assert_eq!(run(&[whole.as_bytes()]).unwrap(), whole);
        let torn = [b"6\r\nab".as_slice(), b"cdef\r", b"\n0\r\n"];
        assert_eq!(run(&torn).unwrap(), "2\r\nab\r\n4\r\ncdef\r\n0\r\n");
    }

    #[test]
    fn a_body_torn_anywhere_carries_the_same_bytes() {
        let body = b"3\r\nabc\r\n2\r\nde\r\n0\r\nx:y\r\n\r\n";
        for at in 0..=body.len() {
            let out = run(&[&body[..at], &body[at..]]).unwrap();
            let data: String =
                out.split("\r\n").filter(|line| line.chars().all(|c| ('a'..='e').contains(&c))).collect();
            assert_eq!(data, "abcde", "torn at {at}: {out:?}");
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for body in [b"x\r\n".as_slice(), b"2\r\nabc\r\n", b"-1\r\n", b"\r\n"] {
            assert!(run(&[body]).is_err(), "{body:?}");
        }
        assert!(run(&[&[b'1'; MAX_LINE + 1]]).is_err());
    }
}
