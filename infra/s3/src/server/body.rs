//! A request's body on its way to s3s: gives up on clients that stall, and cuts aws-chunked chunks small.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use s3s::StdError;
use tokio::time::{Instant, Sleep, sleep};

use super::rechunk::Rechunk;
use crate::api::watched::Watched;
use crate::stalled::Stalled;

/// The body of a request.
pub(crate) struct RequestBody<B> {
    incoming: B,
    rechunk: Option<Rechunk>,
    watched: Option<Watched>,
    patience: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl<B: Body<Data = Bytes, Error: Into<StdError>> + Unpin> RequestBody<B> {
    /// Takes `incoming`; an error ends it where nothing arrives for `patience`. `chunked`: it is an aws-chunked body
    /// without signatures on its chunks. `watched` sees all of it.
    pub(super) fn new(incoming: B, patience: Duration, chunked: bool, watched: Option<Watched>) -> Self {
        let rechunk = chunked.then(Rechunk::default);
        Self { incoming, rechunk, watched, patience, deadline: Box::pin(sleep(patience)) }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StdError>>> {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(frame) => {
                    let next = Instant::now() + self.patience;
                    self.deadline.as_mut().reset(next);
                    match frame {
                        Some(Ok(frame)) => match frame.into_data() {
                            Ok(bytes) => {
                                if let Some(watched) = &self.watched {
                                    watched.update(&bytes);
                                }
                                return Poll::Ready(Some(Ok(bytes)));
                            }
                            // HTTP trailers mean nothing to S3.
                            Err(_) => continue,
                        },
                        Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                        None => return Poll::Ready(None),
                    }
                }
                Poll::Pending => {
                    ready!(self.deadline.as_mut().poll(cx));
                    return Poll::Ready(Some(Err(Stalled.into())));
                }
            }
        }
    }
}

impl<B: Body<Data = Bytes, Error: Into<StdError>> + Unpin> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        loop {
            if let Some(bytes) = self.rechunk.as_mut().and_then(Rechunk::next) {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            let Some(bytes) = ready!(self.poll_incoming(cx)).transpose()? else { return Poll::Ready(None) };
            match &mut self.rechunk {
                Some(rechunk) => rechunk.push(bytes)?,
                None => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rechunk.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rechunk.is_some() { SizeHint::default() } else { self.incoming.size_hint() }
    }
}
