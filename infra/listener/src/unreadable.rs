//! Answers to what is no request. hyper gives them before anybody sees it, with a status and nothing else; here they get
//! the words that all other refusals have.

use std::fmt::Write;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What hyper's own refusals consist of, besides the status line. Every other answer is dated.
const PLAIN: &str = "\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const STATUS_LINE: &str = "HTTP/1.1 ";

/// Gives the answer to what hyper refuses with a status.
pub(crate) type Words = Box<dyn Fn(StatusCode) -> Response<Bytes> + Send>;

/// A connection that puts words into hyper's refusals.
pub(crate) struct Worded<S> {
    stream: S,
    words: Option<Words>,
    /// What is left of a refusal that is being sent.
    rest: Bytes,
}

impl<S> Worded<S> {
    pub fn new(stream: S, words: Option<Words>) -> Self {
        Self { stream, words, rest: Bytes::new() }
    }

    fn reword(&self, bytes: &[u8]) -> Option<Bytes> {
        let words = self.words.as_ref()?;
        let line = std::str::from_utf8(bytes).ok()?.strip_suffix(PLAIN)?;
        let line = Some(line).filter(|line| !line.contains('\r'))?;
        let status = line.strip_prefix(STATUS_LINE)?.get(..3)?.parse().ok()?;
        Some(written(line, words(status)))
    }
}

fn written(status_line: &str, answer: Response<Bytes>) -> Bytes {
    let (parts, body) = answer.into_parts();
    let mut head = format!("{status_line}\r\n");
    for (name, value) in &parts.headers {
        // Writing to a string does not fail.
        let _ = write!(head, "{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    let _ = write!(head, "connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), &body].concat().into()
}

impl<S: AsyncWrite + Unpin> Worded<S> {
    /// Writes `bytes`, or what stands for them, all of it.
    fn poll_reworded(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Option<io::Result<usize>>> {
        if self.rest.is_empty() {
            match self.reword(bytes) {
                Some(answer) => self.rest = answer,
                None => return Poll::Ready(None),
            }
        }
        while !self.rest.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.rest)) {
                Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::WriteZero.into()))),
                Ok(written) => self.rest.advance(written),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(Some(Ok(bytes.len())))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Worded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Worded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(self.poll_reworded(cx, bytes)) {
            Some(written) => Poll::Ready(written),
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // hyper's refusals are in one.
        if let [bytes] = slices
            && let Some(written) = ready!(self.poll_reworded(cx, bytes))
        {
            return Poll::Ready(written);
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn sent(bytes: &[u8]) -> String {
        let words = |status: StatusCode| Response::builder().header("x", "y").body(status.as_str().to_owned().into());
        // Less room than an answer needs at once.
        let (stream, mut other) = tokio::io::duplex(8);
        let mut worded = Worded::new(stream, Some(Box::new(move |status| words(status).unwrap())));
        let bytes = bytes.to_owned();
        let writing = tokio::spawn(async move { worded.write_all(&bytes).await.unwrap() });
        let mut text = String::new();
        other.read_to_string(&mut text).await.unwrap();
        writing.await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_refusal_of_hypers_gets_words_and_nothing_else_does() {
        let refusal = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let expected = "HTTP/1.1 431 Request Header Fields Too Large\r\nx: y\r\nconnection: close\r\n\
                        content-length: 3\r\n\r\n431";
        assert_eq!(sent(refusal).await, expected);
        for other in [
            "HTTP/1.1 400 Bad Request\r\ndate: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 1\r\n\r\n1",
            "\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            "",
        ] {
            assert_eq!(sent(other.as_bytes()).await, other);
        }
    }
}
