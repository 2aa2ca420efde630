//! Bodies on their way from a client into S3: sent once, as they come, in constant memory.

use std::{pin::pin, time::Duration};

use aws_sdk_s3::{
    error::SdkError,
    operation::put_object::{PutObjectError, PutObjectOutput, builders::PutObjectFluentBuilder},
    primitives::{ByteStream, SdkBody},
};
use bytes::{Bytes, BytesMut};
use futures_util::{
    StreamExt,
    stream::{Fuse, poll_fn},
};
use http_body::Frame;
use http_body_util::StreamBody;
use satchel_core::{
    digest::{DigestError, Sha256Digest},
    grant::Grant,
    metadata::Metadata,
    repeat::{Content, Measuring},
};
use satchel_store::{BodyError, CreateError, Creation, NewUpload, Pieces};
use sha2::{Digest, Sha256};
use tokio::{sync::mpsc, time::timeout};

use super::{OfS3, Storage, StorageError, Stored, failed, met_by, status};
use crate::s3_client::{unhurried, within};

/// What one PutObject takes (AWS: "Uploading objects").
pub const LARGEST: u64 = 5 << 30;
/// Up to this a body is taken in first: it can be sent again where S3 is busy.
const TAKEN_IN: u64 = 64 << 10;
/// Whoever waits for a body gives it up in time.
const BODY_DEADLINE: Duration = Duration::from_hours(24);
/// Pieces up to this are copied: each one, however small, would hold all of the buffer that it was read into.
const COPIED: usize = 8 << 10;

impl Storage {
    /// Stores a body that is here.
    pub(super) async fn take(&self, upload: &NewUpload, body: Bytes) -> Result<Creation, CreateError> {
        let NewUpload { grant, digest } = upload;
        Ok(self.create(grant, &Metadata::of(grant), body, *digest).await?)
    }

    /// Stores a body as it comes.
    pub(super) async fn stream(&self, upload: &NewUpload, pieces: Pieces<BodyError>) -> Result<Creation, CreateError> {
        let grant = &upload.grant;
        if grant.size > LARGEST {
            return Err(CreateError::TooLarge(LARGEST));
        }
        let mut passing = Passing::new(upload, pieces);
        if grant.size <= TAKEN_IN {
            let mut body = BytesMut::new();
            while let Some(piece) = passing.next().await? {
                body.extend_from_slice(&piece);
            }
            return self.take(upload, body.freeze()).await;
        }
        // Before the body: whoever waits for permission need not send it, unless it may be what is there. Some stores
        // ignore the condition of the write, too.
        match self.head(&grant.path).await? {
            None => self.indexed(grant, self.pass_on(upload, passing)).await,
            Some(present) => self.against(&present, grant, passing).await,
        }
    }

    async fn pass_on(&self, upload: &NewUpload, mut passing: Passing) -> Result<Creation, CreateError> {
        let NewUpload { grant, digest } = upload;
        // One piece is on its way while the next is read; more would only take memory.
        let (pieces, mut taken) = mpsc::channel(1);
        let frames = StreamBody::new(poll_fn(move |context| taken.poll_recv(context).map(|piece| piece.map(ready))));
        let put = self.put_request(grant, &Metadata::of(grant), *digest);
        let put = put.content_length(grant.size.try_into().unwrap_or(i64::MAX));
        let mut sent = pin!(send(put.body(ByteStream::new(SdkBody::from_body_1_x(frames)))));
        let handed_over = tokio::select! {
            biased;
            has_all = hand_over(&mut passing, pieces, self.patience) => Ok(has_all?),
            early = &mut sent => Err(early),
        };
        let (has_all, answer) = match handed_over {
            Ok(has_all) => (has_all, timeout(self.patience, sent).await.map_err(|_| hangs())?),
            Err(early) => (false, early),
        };
        match answer {
            Ok(_) if has_all => Ok(Creation::Created),
            Ok(_) => Err(StorageError::of("PutObject", "was answered before all of the body was sent").into()),
            // A store that refuses in mid-body may cut the connection before its answer is read.
            Err(error) if matches!(status(&error), None | Some(409 | 412)) => match self.head(&grant.path).await {
                Ok(Some(present)) => self.against(&present, grant, passing).await,
                Ok(None) | Err(_) => Err(failed("PutObject", &error).into()),
            },
            Err(error) => Err(failed("PutObject", &error).into()),
        }
    }

    /// What a body comes to that meets this object. It is read on only where its bytes make a difference.
    async fn against(&self, present: &Stored, grant: &Grant, mut passing: Passing) -> Result<Creation, CreateError> {
        if grant.token.is_some() && present.metadata.token == grant.token && present.size == grant.size {
            while passing.next().await?.is_some() {}
        }
        Ok(met_by(present, grant, || passing.content(), self.clock.now()))
    }
}

/// Gives S3 one piece after the other, the last one only once length and digest are right: S3 keeps nothing of a request
/// that breaks off. Says whether it was given all. The time that the client takes is not S3's.
async fn hand_over(
    passing: &mut Passing,
    pieces: mpsc::Sender<Bytes>,
    patience: Duration,
) -> Result<bool, CreateError> {
    while let Some(piece) = passing.next().await? {
        match timeout(patience, pieces.send(piece)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok(false),
            Err(_) => return Err(hangs().into()),
        }
    }
    Ok(true)
}

async fn send(put: PutObjectFluentBuilder) -> Result<PutObjectOutput, SdkError<PutObjectError>> {
    // TLS protects the body; a signature over what has not come cannot be made.
    put.customize().disable_payload_signing().config_override(unhurried(within(BODY_DEADLINE))).send().await
}

fn ready(piece: Bytes) -> Result<Frame<Bytes>, std::convert::Infallible> {
    Ok(Frame::data(piece))
}

fn hangs() -> StorageError {
    StorageError::of("PutObject", "S3 does not answer, or takes nothing")
}

/// A body that is counted and hashed as it passes. Its last piece comes once all of it is right.
struct Passing {
    pieces: Fuse<Pieces<BodyError>>,
    held: Option<Bytes>,
    left: u64,
    sha256: Option<(Sha256Digest, Sha256)>,
    measuring: Measuring,
}

impl Passing {
    fn new(upload: &NewUpload, pieces: Pieces<BodyError>) -> Self {
        let sha256 = upload.digest.map(|announced| (announced, Sha256::new()));
        Self { pieces: pieces.fuse(), held: None, left: upload.grant.size, sha256, measuring: Measuring::default() }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, CreateError> {
        while let Some(piece) = self.pieces.next().await {
            let piece = self.take(piece?)?;
            if piece.is_empty() {
                continue;
            }
            if let Some(ready) = self.held.replace(piece) {
                return Ok(Some(ready));
            }
        }
        if self.left > 0 {
            return Err(BodyError::Incomplete.into());
        }
        if let Some((announced, hasher)) = self.sha256.take()
            && Sha256Digest::from_bytes(hasher.finalize().into()) != announced
        {
            return Err(DigestError::Mismatch.into());
        }
        Ok(self.held.take())
    }

    fn take(&mut self, piece: Bytes) -> Result<Bytes, BodyError> {
        self.left = self.left.checked_sub(piece.len() as u64).ok_or(BodyError::TooLong)?;
        self.measuring.update(&piece);
        if let Some((_, hasher)) = &mut self.sha256 {
            hasher.update(&piece);
        }
        Ok(if piece.len() <= COPIED { Bytes::copy_from_slice(&piece) } else { piece })
    }

    /// What has passed.
    fn content(&self) -> Content {
        self.measuring.clone().finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use satchel_core::{content_type::ContentType, grant::UploadId, upload_path::UploadPath};

    use super::*;

    fn upload(size: u64, digest: Option<Sha256Digest>) -> NewUpload {
        let grant = Grant {
            path: UploadPath::parse_decoded("u/a").unwrap(),
            size,
            content_type: ContentType::default(),
            expires: None,
            owner: None,
            id: UploadId::from_random([7; 9]),
            token: None,
        };
        NewUpload { grant, digest }
    }

    fn pieces(pieces: Vec<Result<&'static [u8], BodyError>>, pause: Duration) -> Pieces<BodyError> {
        let pieces = stream::iter(pieces).then(move |piece| async move {
            tokio::time::sleep(pause).await;
            piece.map(Bytes::from_static)
        });
        pieces.boxed()
    }

    /// What came through of a body, and how it ended.
    async fn passed(upload: &NewUpload, body: Pieces<BodyError>, patience: Duration) -> (String, String) {
        let (sender, mut taken) = mpsc::channel::<Bytes>(1);
        let taking = async {
            let mut bytes = Vec::new();
            while let Some(piece) = taken.recv().await {
                bytes.extend_from_slice(&piece);
            }
            String::from_utf8(bytes).unwrap()
        };
        let mut passing = Passing::new(upload, body);
        let (ended, bytes) = tokio::join!(hand_over(&mut passing, sender, patience), taking);
        (bytes, ended.map_or_else(|error| error.to_string(), |has_all| has_all.to_string()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_piece_waits_until_all_of_it_is_right() {
        let (of_hello, of_other) = (Some(Sha256Digest::of(b"hello")), Some(Sha256Digest::of(b"other")));
        for (name, size, digest, body, bytes, ended) in [
            ("right", 5, of_hello, vec![Ok(&b"he"[..]), Ok(b""), Ok(b"llo")], "hello", "true"),
            ("nothing", 0, None, vec![], "", "true"),
            ("short", 6, None, vec![Ok(b"he"), Ok(b"llo")], "he", "ended early"),
            ("long", 4, None, vec![Ok(b"he"), Ok(b"llo")], "", "longer"),
            ("another", 5, of_other, vec![Ok(b"he"), Ok(b"llo")], "he", "digest"),
            ("stalled", 5, None, vec![Ok(b"he"), Ok(b"l"), Err(BodyError::Stalled)], "he", "for a minute"),
        ] {
            let passed = passed(&upload(size, digest), pieces(body, Duration::ZERO), Duration::from_secs(1)).await;
            assert!(passed.0 == bytes && passed.1.contains(ended), "{name}: {passed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_a_client_takes_is_not_s3s() {
        let body = pieces(vec![Ok(b"he"), Ok(b"l"), Ok(b"lo")], Duration::from_secs(59));
        let passed = passed(&upload(5, None), body, Duration::from_secs(1)).await;
        assert_eq!(passed, ("hello".to_owned(), "true".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_s3_that_takes_nothing_is_given_up() {
        let (sender, taken) = mpsc::channel(1);
        let body = pieces(vec![Ok(b"h"), Ok(b"e"), Ok(b"llo")], Duration::ZERO);
        let mut passing = Passing::new(&upload(5, None), body);
        let ended = hand_over(&mut passing, sender, Duration::from_secs(90)).await;
        assert!(ended.unwrap_err().to_string().contains("takes nothing"));
        drop(taken);
    }
}
