//! Chunks of the tus protocol that are larger than their function takes at once: each piece is carried out as a request of
//! its own, and stored with it. The client sees one request and one answer; what has come of a chunk that breaks off is
//! kept.

use http::{
    HeaderName, HeaderValue, Method, Uri,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    request::Parts,
};
use hyper::Response;
use lambda_http::Body;
use satchel_aws::log::{self, Seen};
use satchel_core::{resume::request::ID_HEADER, time::Timestamp};

use super::{
    Answered, Gateway,
    answer::GatewayError,
    body::BodyError,
    spool::{Cut, Part, Spool, Whole},
};

/// S3's smallest part: a piece can become one as it is, and waits for no other.
const PIECE_BYTES: u64 = 5 * 1024 * 1024;

const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const SESSION_TOKEN: HeaderName = HeaderName::from_static(ID_HEADER);
/// What a client says of a whole upload, and of the request that begins it.
const OF_THE_WHOLE: [&str; 3] = ["upload-length", "upload-metadata", "x-http-method-override"];

/// A chunk that is taken in pieces.
pub enum Chunk {
    /// From the client; how many bytes are still to come, where it has said so.
    Arriving(Cut, Option<u64>),
    /// One that is all here, from this byte of that many.
    Arrived(Whole, u64, u64),
}

impl Chunk {
    async fn next(&mut self, spool: &Spool) -> Result<Part, GatewayError> {
        match self {
            Self::Arriving(cut, left) => {
                // Where nothing is left the end is.
                let most = left.unwrap_or(PIECE_BYTES).clamp(1, PIECE_BYTES);
                let part = spool.part(cut, most).await.map_err(GatewayError::Spool)?;
                *left = left.map(|left| left.saturating_sub(part.length));
                Ok(part)
            }
            Self::Arrived(whole, at, length) => {
                let (from, to) = (*at, (*length).min(*at + PIECE_BYTES));
                *at = to;
                Ok(Part { whole: whole.slice(from..to), length: to - from, end: (to == *length).then_some(Ok(())) })
            }
        }
    }

    fn linger(self) {
        if let Self::Arriving(cut, _) = self {
            cut.linger();
        }
    }
}

/// Why there are no more pieces before the chunk's end.
enum Stopped {
    /// Its function does not take one.
    Refused(Seen, Response<Body>),
    /// It does not come.
    Failed(GatewayError),
}

impl From<GatewayError> for Stopped {
    fn from(error: GatewayError) -> Self {
        Self::Failed(error)
    }
}

impl From<BodyError> for Stopped {
    fn from(error: BodyError) -> Self {
        Self::Failed(error.into())
    }
}

/// How far a chunk is.
struct Transfer {
    creates: bool,
    /// The head of the next piece's request.
    next: Parts,
    /// The answer to the pieces so far.
    answer: Option<(Seen, Response<Body>)>,
    kept: u64,
}

impl Transfer {
    fn of(parts: &Parts, method: &Method) -> Self {
        let mut next = parts.clone();
        next.headers.remove(TRANSFER_ENCODING);
        next.headers.remove("upload-checksum");
        Self { creates: *method == Method::POST, next, answer: None, kept: 0 }
    }

    /// A piece is stored: what comes next is a PATCH of the same upload.
    fn took(&mut self, length: u64, seen: Seen, response: Response<Body>) {
        for name in OF_THE_WHOLE {
            self.next.headers.remove(name);
        }
        self.next.method = Method::PATCH;
        if let Some(offset) = response.headers().get(UPLOAD_OFFSET) {
            self.next.headers.insert(UPLOAD_OFFSET, offset.clone());
        }
        if let Some(token) = response.headers().get(SESSION_TOKEN) {
            self.next.headers.insert(SESSION_TOKEN, token.clone());
            // The token that began it is in the query, and what continues it may not be.
            self.next.uri = self.next.uri.path().parse().unwrap_or_else(|_| Uri::default());
        }
        self.kept += length;
        let answer = match self.answer.take() {
            Some((_, created)) if self.creates => satchel_resume::created_with(&created, &response),
            _ => response,
        };
        self.answer = Some((seen, answer));
    }
}

impl Gateway {
    /// Hands a chunk to its function, piece by piece, as of the moment that it was allowed. Where one is not taken, those
    /// before it are kept.
    pub(super) async fn in_pieces(
        &self,
        parts: &Parts,
        mut chunk: Chunk,
        method: &Method,
        as_of: Timestamp,
    ) -> Answered {
        let mut transfer = Transfer::of(parts, method);
        let stopped = loop {
            match self.next_piece(&mut transfer, &mut chunk, as_of).await {
                Ok(true) => {}
                Ok(false) => break None,
                Err(stopped) => break Some(stopped),
            }
        };
        if !matches!(stopped, None | Some(Stopped::Failed(GatewayError::Body(_)))) {
            chunk.linger();
        }
        self.outcome(parts, transfer, stopped, method)
    }

    /// The one answer to all pieces, and its line.
    fn outcome(&self, parts: &Parts, transfer: Transfer, stopped: Option<Stopped>, method: &Method) -> Answered {
        let Some((seen, mut answer)) = transfer.answer else {
            return match stopped {
                Some(Stopped::Refused(seen, refusal)) => Ok(self.called(parts, seen, refusal)),
                Some(Stopped::Failed(error)) => Err(error),
                None => Err(GatewayError::Failed),
            };
        };
        if transfer.creates {
            // Without its address nobody could go on with it, whatever became of the rest.
            return Ok(self.called(parts, seen, answer));
        }
        log::note(&mut answer, "chunk_bytes", transfer.kept);
        let error = match stopped {
            None => return Ok(self.called(parts, seen, answer)),
            Some(Stopped::Refused(seen, refusal)) => return Ok(self.called(parts, seen, refusal)),
            Some(Stopped::Failed(GatewayError::Body(broke))) => GatewayError::BrokenOff(broke),
            Some(Stopped::Failed(error)) => error,
        };
        Ok(self.instead(parts, seen, "gateway", error.answer(method), &answer))
    }

    /// Takes the next piece; gives whether another may follow.
    async fn next_piece(&self, transfer: &mut Transfer, chunk: &mut Chunk, as_of: Timestamp) -> Result<bool, Stopped> {
        let Part { whole, length, end } = chunk.next(&self.spool).await?;
        let is_first = transfer.answer.is_none();
        // A client that has gone would not hear where its upload is.
        let is_lost = is_first && (transfer.creates || length == 0);
        if let Some(Err(broke)) = end
            && is_lost
        {
            return Err(broke.into());
        }
        if length > 0 || is_first {
            transfer.next.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            let (seen, response) = self.piece(&transfer.next, whole, as_of).await?;
            if !response.status().is_success() {
                return Err(Stopped::Refused(seen, response));
            }
            transfer.took(length, seen, response);
        }
        match end {
            None => Ok(true),
            Some(Ok(())) => Ok(false),
            Some(Err(broke)) => Err(broke.into()),
        }
    }

    async fn piece(
        &self,
        parts: &Parts,
        piece: Whole,
        as_of: Timestamp,
    ) -> Result<(Seen, Response<Body>), GatewayError> {
        let _turn = self.turn(&piece).await;
        self.ask(parts, self.spool.load(piece).await?, Some(as_of)).await
    }
}
