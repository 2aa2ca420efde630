//! `resume`: uploads below `/resume/` by the tus protocol, version 1.0.0. The token is checked once, at creation; from
//! then on the upload's signed id is what counts.

mod answers;
mod creation;
mod error;
mod transfer;

use std::time::Duration;

use http::Method;
use lambda_http::{Body, Request, RequestExt, Response};
use satchel_aws::{answer, event, log, storage::Storage};
use satchel_core::{
    config::ResumeConfig,
    grant::Grant,
    resume::{
        refusal::ResumeRefusal,
        request::{self, ID_HEADER, ID_PARAMETER, Place},
        session::Session,
    },
};

pub use answers::{created_with, of_tus};
pub use error::ResumeError;

/// Everything a request needs, built once per cold start.
pub type State<S = Storage> = satchel_aws::state::State<ResumeConfig, S>;

/// All S3 requests of one of ours together: API Gateway waits 29 s, and its 504 says less than our 503. An upload may be
/// left at any point, as by a crash.
const DEADLINE: Duration = Duration::from_secs(25);

const METHODS: &str = "OPTIONS, HEAD, POST, PATCH, DELETE";

/// Answers one request.
pub async fn handle(state: &State, request: Request) -> Response<Body> {
    let named = request::method(request.method(), |name| text(&request, name));
    let limits = state.config.limits();
    let Some(method) = named else { return of_tus(answer::method_not_allowed(request.method(), METHODS), limits) };
    let protocol = protocol_tried(&method, &request);
    let creates = method == Method::POST;
    let size = text(&request, "upload-length").and_then(|length| length.parse().ok()).filter(|_| creates);
    let mut response = decide(state, &method, request).await.unwrap_or_else(|error| error.answer(&method));
    log::note_attempt(&mut response, protocol, size);
    of_tus(response, limits)
}

fn protocol_tried(method: &Method, request: &Request) -> Option<&'static str> {
    let (header, parameter) = (|name: &str| event::header(request, name), |name: &str| event::parameter(request, name));
    request::protocol_tried(method, header, parameter, request.raw_http_path())
}

async fn decide(state: &State, method: &Method, request: Request) -> Result<Response<Body>, ResumeError> {
    if *method == Method::OPTIONS {
        return Ok(answers::capabilities(state.config.policy.max_size));
    }
    if ![Method::HEAD, Method::POST, Method::PATCH, Method::DELETE].contains(method) {
        return Ok(answer::method_not_allowed(method, METHODS));
    }
    request::check_version(|name| text(&request, name))?;
    if *method == Method::POST {
        return creation::create(state, request).await;
    }
    let session = session(state, &request)?;
    Ok(granted(method, &session.grant, proceed(state, method, &session, request)).await)
}

/// What comes of an upload that is allowed, in the time that there is. Whoever may not get it done is known here, too.
async fn granted(
    method: &Method,
    grant: &Grant,
    answered: impl Future<Output = Result<Response<Body>, ResumeError>>,
) -> Response<Body> {
    let answered = tokio::time::timeout(DEADLINE, answered).await.unwrap_or(Err(ResumeError::Hangs));
    let mut response = answered.unwrap_or_else(|error| error.answer(method));
    log::note(&mut response, "size_bytes", grant.size);
    log::note_owner(&mut response, grant.owner);
    response
}

async fn proceed(
    state: &State,
    method: &Method,
    session: &Session,
    request: Request,
) -> Result<Response<Body>, ResumeError> {
    match *method {
        Method::HEAD => head(state, session).await,
        Method::PATCH => patch(state, session, request).await,
        _ => delete(state, session).await,
    }
}

/// The upload that the request continues: by its own URL, or by the header beside the URL it was created at.
fn session(state: &State, request: &Request) -> Result<Session, ResumeError> {
    let paths = event::resume_paths(request, state.config.public_path.as_deref())?;
    let id = event::parameter(request, ID_PARAMETER).or_else(|| event::header(request, ID_HEADER));
    let id = id.ok_or(ResumeRefusal::Unknown)?;
    Ok(Session::verify(id, &paths, &state.config.policy.secrets, state.clock.now())?)
}

async fn head(state: &State, session: &Session) -> Result<Response<Body>, ResumeError> {
    let (offset, metadata) = transfer::offset(&state.store, session).await?;
    Ok(answers::found(session, offset, &metadata))
}

async fn patch(state: &State, session: &Session, request: Request) -> Result<Response<Body>, ResumeError> {
    let place = Place::of_patch(|name| text(&request, name), session.grant.size)?;
    request::check_chunk(|name| text(&request, name), request.body(), place)?;
    let chunk = event::into_bytes(request.into_body());
    let size = chunk.len() as u64;
    let appended = transfer::append(&state.store, session, place.offset, chunk).await?;
    let mut response = answers::appended(session, appended.offset);
    log::note(&mut response, "chunk_bytes", size);
    if let Some(cause) = appended.part_put_off {
        log::note(&mut response, "part_put_off", cause.to_string());
    }
    Ok(response)
}

async fn delete(state: &State, session: &Session) -> Result<Response<Body>, ResumeError> {
    transfer::terminate(&state.store, session).await?;
    Ok(answers::terminated())
}

/// A header's value. One that is no text reads as something that no header of the protocol may be.
fn text<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}
