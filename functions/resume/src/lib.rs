//! `resume`: uploads below `/resume/` by the tus protocol, version 1.0.0. The token is checked once, at creation; from then on the
//! upload's signed id ([`session`]) is what counts. The program decides by the same [`decide`], and hands chunks over as they come.
//!
//! Knows tus ([`tus`], [`request`], [`refusal`], [`limits`]) and nothing of how a store makes a file of chunks. Begin at [`handle`].

mod answers;
mod attempt;
mod config;
mod decision;
mod error;
pub mod limits;
pub mod refusal;
pub mod request;
pub mod session;
mod state;
pub mod tus;

use std::time::Duration;

use bytes::Bytes;
use satchel_core::{
    answer::Answer,
    checksum::Checksum,
    grant::Grant,
    head::{Head, RawHead},
};
use satchel_store::{Abandoned, Appended, Begun, Chunk, Partial, Resumable, Standing};

use refusal::ResumeRefusal;
use request::Place;
use session::Session;

pub use answers::of_tus;
pub use attempt::Attempt;
pub use config::ResumeConfig;
pub use decision::{Beginning, Decision, decide};
pub use error::ResumeError;
pub use state::State;

/// All requests to the store of one of ours together: API Gateway waits 29 s, and its 504 says less than our 503. An
/// upload may be left at any point, as by a crash.
const DEADLINE: Duration = Duration::from_secs(25);

const METHODS: &str = "OPTIONS, HEAD, POST, PATCH, DELETE";

/// Answers one request, whose chunk is here.
pub async fn handle<S: Resumable>(state: &State<S>, raw: RawHead, body: Bytes) -> Answer {
    let head = Head::read(&raw, state.config.public_path.as_deref());
    let attempt = Attempt::of(&state.config, &raw);
    let moment = state.clock.moment().map_err(ResumeError::from);
    match moment.and_then(|moment| decide(&state.config, &head, &attempt, &moment)) {
        Err(error) => attempt.answered(Err(error)),
        Ok(decision) => {
            let grant = decision.grant().cloned();
            let carried_out = tokio::time::timeout(DEADLINE, carry_out_whole(state, decision, &raw, body)).await;
            let answered = carried_out.unwrap_or(Err(ResumeError::Hangs));
            attempt.granted(grant.as_ref(), answered)
        }
    }
}

async fn carry_out_whole<S: Resumable>(
    state: &State<S>,
    decision: Decision,
    raw: &RawHead,
    body: Bytes,
) -> Result<Answer, ResumeError> {
    let header = |name: &str| raw.text(name);
    let place = match &decision {
        Decision::Begin(beginning) => {
            beginning.creation.check_chunk(header, &body)?;
            beginning.creation.place()
        }
        Decision::Append(session) => {
            let place = Place::of_patch(header, session.grant.size)?;
            request::check_chunk(header, &body, place)?;
            place
        }
        _ => return carry_out(state, decision).await,
    };
    let chunk = Chunk::whole(body);
    take(state, decision, place, chunk).await
}

/// What the head of a request says of the chunk that is on its way, `length` bytes if that is known: where it goes, and what
/// it is to be handed to [`take`] with.
///
/// # Errors
/// It makes no sense, or the chunk cannot be taken.
pub fn expect(
    decision: &Decision,
    raw: &RawHead,
    length: Option<u64>,
) -> Result<(Place, Option<Checksum>), ResumeError> {
    let header = |name: &str| raw.text(name);
    let place = match decision {
        Decision::Begin(beginning) => beginning.creation.place(),
        Decision::Append(session) => Place::of_patch(header, session.grant.size)?,
        _ => return Err(ResumeRefusal::ChunkType.into()),
    };
    let checksum = request::announced_checksum(header)?;
    if let (Decision::Begin(_), Some(length)) = (decision, length) {
        place.check(length)?;
    }
    Ok((place, checksum))
}

/// Does what was decided about a request without a chunk.
///
/// # Errors
/// The upload is gone; the store failed.
pub async fn carry_out<S: Resumable>(state: &State<S>, decision: Decision) -> Result<Answer, ResumeError> {
    match decision {
        Decision::Capabilities => Ok(answers::capabilities(state.config.policy.max_size)),
        Decision::NotAllowed(method) => Ok(Answer::method_not_allowed(&method, METHODS)),
        Decision::Find(session) => find(&state.store, &session).await,
        Decision::End(session) => end(&state.store, &session).await,
        Decision::Begin(beginning) => begin(state, *beginning, Chunk::whole(Vec::new().into())).await,
        // Not without its chunk.
        Decision::Append(_) => Err(ResumeRefusal::ChunkType.into()),
    }
}

/// Does what was decided about a request with a chunk that goes to `place`.
///
/// # Errors
/// The upload is elsewhere or gone; there is a file already; the chunk broke off; the store failed.
pub async fn take<S: Resumable>(
    state: &State<S>,
    decision: Decision,
    place: Place,
    chunk: Chunk,
) -> Result<Answer, ResumeError> {
    match decision {
        Decision::Begin(beginning) => begin(state, *beginning, chunk).await,
        Decision::Append(session) => append(&state.store, &session, place, chunk).await,
        other => carry_out(state, other).await,
    }
}

async fn begin<S: Resumable>(state: &State<S>, beginning: Beginning, chunk: Chunk) -> Result<Answer, ResumeError> {
    let Beginning { creation, grant, asked_at, base, expires } = beginning;
    let begun = state.store.begin(&grant, &creation.metadata, chunk).await;
    let (upload, partial, offset) = match begun.map_err(|error| ResumeError::of_chunk(error, grant.size))? {
        Begun::Unfinished { name, offset } => (grant.id, Some(name), offset),
        Begun::Complete(upload) => (upload, None, grant.size),
        Begun::Exists => return Err(ResumeRefusal::Exists.into()),
        Begun::Overtaken => return Err(ResumeRefusal::Overtaken.into()),
    };
    let code = if upload == grant.id { answers::creation_code(offset == grant.size) } else { "stored_before" };
    let session = Session { grant: Grant { id: upload, ..grant }, partial, expires };
    let id = session.sign(state.config.policy.secrets.current(), &asked_at);
    let location = id.location(&base, &session.grant.path);
    Ok(answers::created(&session, id.as_str(), &location, offset, code))
}

async fn append<S: Resumable>(store: &S, session: &Session, place: Place, chunk: Chunk) -> Result<Answer, ResumeError> {
    let appended = store.append(partial(session), place.offset, chunk).await;
    let (offset, put_off) = match appended.map_err(|error| ResumeError::of_chunk(error, session.grant.size))? {
        Appended::Stored { offset, put_off } => (offset, put_off),
        Appended::Broken { offset, cause } => {
            return Err(ResumeError::BrokenOff { kept: offset - place.offset, cause });
        }
        Appended::Conflict { offset } => {
            return Err(ResumeRefusal::OffsetMismatch { offset, announced: place.offset }.into());
        }
        Appended::Overtaken => return Err(ResumeRefusal::Overtaken.into()),
        Appended::Exists => return Err(ResumeRefusal::Exists.into()),
        Appended::Gone => return Err(ResumeRefusal::Gone.into()),
    };
    let mut answer = answers::appended(session, offset);
    answer.note("chunk_bytes", offset - place.offset);
    if let Some(cause) = put_off {
        answer.note("part_put_off", cause.to_string());
    }
    Ok(answer)
}

async fn find<S: Resumable>(store: &S, session: &Session) -> Result<Answer, ResumeError> {
    match store.standing(partial(session)).await? {
        Standing::Unfinished { offset, said } => Ok(answers::found(session, offset, &said)),
        Standing::Complete { said } => Ok(answers::found(session, session.grant.size, &said)),
        Standing::Exists => Err(ResumeRefusal::Exists.into()),
        Standing::Gone => Err(ResumeRefusal::Gone.into()),
    }
}

async fn end<S: Resumable>(store: &S, session: &Session) -> Result<Answer, ResumeError> {
    match store.abandon(partial(session)).await? {
        Abandoned::Done => Ok(answers::terminated()),
        Abandoned::Overtaken => Err(ResumeRefusal::Overtaken.into()),
        Abandoned::Gone => Err(ResumeRefusal::Gone.into()),
    }
}

fn partial(session: &Session) -> Partial<'_> {
    Partial { grant: &session.grant, name: session.partial.as_ref() }
}
