//! Requests of the tus protocol. What their heads say is decided before the body is read: whoever has no token and no
//! upload sends no large body. Then a chunk goes where it belongs as it comes.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use hyper::body::Incoming;
use satchel_core::{
    answer::Answer,
    checksum::{Checking, Checksum},
    head::{Head, RawHead},
    moment::Moment,
    time::Timestamp,
};
use satchel_resume::{Attempt, Decision, ResumeError, refusal::ResumeRefusal, request::Place};
use satchel_store::{Body as Streamable, Chunk};

use super::{
    answer::GatewayError,
    attempt, body, head,
    invoke::{Answered, BODY_LIMIT, Gateway, arrived},
    pieces::{Left, Source, spooled},
    spool::{Cut, READ_FIRST, Whole},
};

/// Bytes of a chunk that are looked at at once.
const CHECKED_BYTES: u64 = 1024 * 1024;

/// What became of a chunk.
type Taken = Result<Answer, ResumeError>;

/// The chunk of a request, as its head has it.
struct Announced<'a> {
    parts: &'a Parts,
    decision: Decision,
    place: Place,
    length: Option<u64>,
    checksum: Option<Checksum>,
}

impl Gateway {
    /// Answers one request, with the protocol's headers on the gateway's own refusals, too.
    pub(super) async fn resume(&self, parts: &Parts, body: Incoming) -> Answer {
        let answered = self.chunk(parts, body).await.unwrap_or_else(|error| {
            let mut answer = Answer::refusal(&parts.method, &error);
            attempt::note_chunk(&mut answer.outcome, parts);
            self.logged(parts, &arrived(parts), answer)
        });
        satchel_resume::of_tus(answered, self.functions.resume_limits())
    }

    async fn chunk(&self, parts: &Parts, body: Incoming) -> Answered {
        // `None` where it comes in chunks of unknown number.
        let length = (!body::is_chunked(&parts.headers))
            .then(|| body::announced_length(&parts.headers).ok().flatten().unwrap_or_default());
        match length {
            Some(0) => self.invoke(parts, Bytes::new(), None).await,
            length if self.strict_aws => self.in_an_event(parts, body, length).await,
            length => self.as_it_comes(parts, body, length).await,
        }
    }

    /// As on AWS. Whether a large chunk is taken is decided before it comes.
    async fn in_an_event(&self, parts: &Parts, body: Incoming, length: Option<u64>) -> Answered {
        if length.is_some_and(|length| length > BODY_LIMIT) {
            body::drain(body, &parts.headers);
            return Err(GatewayError::ChunkTooLarge);
        }
        let asked_at = self.functions.now();
        if length.is_none_or(|length| length > READ_FIRST) || body::expects_continue(&parts.headers) {
            let raw = head::of(parts, 0)?;
            let state = self.functions.resume();
            let attempt = Attempt::of(&state.config, &raw);
            let decided = self.decided(&raw, &attempt, asked_at);
            let refused = match decided {
                Err(error) => Some(attempt.answered(Err(error))),
                Ok(decision) if decision.takes_chunk() => {
                    let expected = satchel_resume::expect(&decision, &raw, length);
                    let fits = expected.and_then(|(place, _)| Ok(length.map_or(Ok(()), |length| place.check(length))?));
                    fits.err().map(|error| attempt.granted(decision.grant(), Err(error)))
                }
                Ok(_) => {
                    body::drain(body, &parts.headers);
                    return self.invoke(parts, Bytes::new(), Some(asked_at)).await;
                }
            };
            if let Some(refused) = refused {
                body::drain(body, &parts.headers);
                return Ok(self.called(parts, arrived(parts).answered_by("resume"), refused));
            }
        }
        self.invoke_with(parts, body, length.unwrap_or(BODY_LIMIT), Some(asked_at)).await
    }

    /// Decided from the head, then handed over.
    async fn as_it_comes(&self, parts: &Parts, body: Incoming, length: Option<u64>) -> Answered {
        let raw = head::of(parts, 0)?;
        let (state, seen) = (self.functions.resume(), arrived(parts).answered_by("resume"));
        let attempt = Attempt::of(&state.config, &raw);
        let decision = match self.decided(&raw, &attempt, self.functions.now()) {
            Ok(decision) => decision,
            Err(error) => {
                body::drain(body, &parts.headers);
                return Ok(self.called(parts, seen, attempt.answered(Err(error))));
            }
        };
        let grant = decision.grant().cloned();
        let taken = if decision.takes_chunk() {
            match satchel_resume::expect(&decision, &raw, length) {
                Ok((place, checksum)) => {
                    let announced = Announced { parts, decision, place, length, checksum };
                    self.take(announced, body).await?
                }
                Err(error) => {
                    body::drain(body, &parts.headers);
                    Err(error)
                }
            }
        } else {
            body::drain(body, &parts.headers);
            satchel_resume::carry_out(state, decision).await
        };
        let seen = match &taken {
            Err(ResumeError::BrokenOff { .. }) => seen.answered_by("gateway"),
            _ => seen,
        };
        Ok(self.called(parts, seen, attempt.granted(grant.as_ref(), taken)))
    }

    /// What is to be done about it, as of a moment.
    fn decided(&self, raw: &RawHead, attempt: &Attempt, now: Timestamp) -> Result<Decision, ResumeError> {
        let config = &self.functions.resume().config;
        let moment = Moment { now, ..self.functions.moment()? };
        satchel_resume::decide(config, &Head::read(raw, config.public_path.as_deref()), attempt, &moment)
    }

    /// What came of a chunk; an error where it did not come at all.
    async fn take(&self, announced: Announced<'_>, body: Incoming) -> Result<Taken, GatewayError> {
        let Announced { parts, place, length, .. } = &announced;
        let waits = length.is_some_and(|length| length > READ_FIRST) || body::expects_continue(&parts.headers);
        // Smaller ones hear first where the upload is.
        if let Some(length) = length.filter(|_| waits)
            && let Err(too_long) = place.check(length)
        {
            body::drain(body, &parts.headers);
            return Ok(Err(too_long.into()));
        }
        let taken = if self.delivery.is_into_the_folder() {
            self.stream(announced, body).await
        } else {
            self.spool(announced, body).await?
        };
        match taken {
            Err(ResumeError::Body(error)) => Err(error.into()),
            taken => Ok(taken),
        }
    }

    /// Into the folder, with nothing in between.
    async fn stream(&self, announced: Announced<'_>, body: Incoming) -> Taken {
        let Announced { parts, decision, place, length, checksum } = announced;
        let (pieces, mut rest) = body::lent(body);
        let chunk = Chunk { body: Streamable::Streamed(pieces), length, checksum };
        let taken = satchel_resume::take(self.functions.resume(), decision, place, chunk).await;
        if let Ok(rest) = rest.try_recv()
            && !rest.is_over()
            && (rest.has_begun() || !body::expects_continue(&parts.headers))
        {
            body::linger_on(rest);
        }
        taken
    }

    /// To an S3 elsewhere: whoever is slow waits on this machine's disk. One with a checksum is nothing before it is whole.
    async fn spool(&self, announced: Announced<'_>, body: Incoming) -> Result<Taken, GatewayError> {
        let Announced { decision, place, length, checksum, .. } = announced;
        let source = match checksum {
            None => Source::Arriving(Cut::new(body), length),
            Some(checksum) => {
                let whole = self.spool.take(body, length.unwrap_or(BODY_LIMIT)).await?;
                match self.check(&whole, checksum).await? {
                    Ok(()) => Source::Arrived(whole.slice(0..whole.len()), 0, whole.len()),
                    Err(refusal) => return Ok(Err(refusal.into())),
                }
            }
        };
        let (pieces, mut left) = spooled(source, Arc::clone(&self.spool), self.turns.clone());
        let chunk = Chunk { body: Streamable::Streamed(pieces), length, checksum: None };
        let taken = satchel_resume::take(self.functions.resume(), decision, place, chunk).await;
        let mut left: Left = left.try_recv().unwrap_or_default();
        let failed = left.failed.take();
        left.linger();
        match failed {
            Some(failed) if taken.is_err() => Err(failed),
            _ => Ok(taken),
        }
    }

    /// Whether a chunk that has come is the one that was sent.
    async fn check(&self, chunk: &Whole, checksum: Checksum) -> Result<Result<(), ResumeRefusal>, GatewayError> {
        let mut checking = Checking::of(checksum);
        let mut at = 0;
        while at < chunk.len() {
            let next = chunk.len().min(at + CHECKED_BYTES);
            checking.update(&self.spool.load(chunk.slice(at..next)).await?);
            at = next;
        }
        Ok(checking.finish().map_err(ResumeRefusal::from))
    }
}
