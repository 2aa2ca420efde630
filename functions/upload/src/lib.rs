//! `upload`: PUT and DELETE below `/upload/`. A body that came with the event is stored in one request; without one, the client or
//! the front before us is sent to a presigned URL. The program decides by the same [`decide`], and carries out by itself.
//!
//! Knows uploads and nothing of other functions; that it runs on Lambda is `main`'s affair. Begin at [`handle`]: the head is read,
//! [`decide`] says what is to be done, the store does it, `answers` says how that is told to clients, fronts and the log.

mod answers;
mod config;
mod decision;
mod error;
mod front;
mod send_to;
mod state;

use bytes::Bytes;
use http::{Method, StatusCode};
use satchel_core::{
    answer::Answer,
    head::{Head, RawHead},
    put,
    route::Resource,
};
use satchel_store::{Body, NewUpload, Objects};

pub use answers::{granted, refused, stored};
pub use config::UploadConfig;
pub use decision::{Decision, decide};
pub use error::UploadError;
pub use send_to::SendTo;
pub use state::State;

/// Answers one request.
pub async fn handle<S: Objects>(state: &State<S>, raw: RawHead, body: Bytes) -> Answer {
    let head = Head::read(&raw, state.config.public_path.as_deref());
    match *head.method() {
        Method::OPTIONS => answers::answered(&head, Ok(Answer::preflight())),
        Method::PUT => put(state, &head, body).await,
        Method::DELETE if state.config.delete_secrets.is_some() && head.resource() == Resource::Upload => {
            answers::answered(&head, delete(state, &head).await)
        }
        _ => Answer::method_not_allowed(head.method(), methods(&state.config)),
    }
}

fn methods(config: &UploadConfig) -> &'static str {
    if config.delete_secrets.is_some() { "OPTIONS, HEAD, GET, PUT, DELETE" } else { "OPTIONS, HEAD, GET, PUT" }
}

async fn put<S: Objects>(state: &State<S>, head: &Head<'_>, body: Bytes) -> Answer {
    let moment = match state.clock.moment() {
        Ok(moment) => moment,
        Err(error) => return refused(head, error.into()),
    };
    match decide(&state.config, Some(&state.presigner), head, !body.is_empty(), &moment) {
        Err(error) => refused(head, error),
        Ok(Decision::SendTo(kept_back)) => kept_back.answer(head, &state.store, moment.now).await,
        Ok(Decision::Store(upload)) => granted(head, &upload.grant, store(state, &upload, body).await),
    }
}

async fn store<S: Objects>(state: &State<S>, upload: &NewUpload, body: Bytes) -> Result<Answer, UploadError> {
    upload.digest.map_or(Ok(()), |announced| announced.check(&body))?;
    stored(Objects::create(&state.store, upload, Body::Whole(body)).await)
}

/// Metronome's DELETE.
async fn delete<S: Objects>(state: &State<S>, head: &Head<'_>) -> Result<Answer, UploadError> {
    let Some(secrets) = &state.config.delete_secrets else { return Err(UploadError::NotFound) };
    let paths = head.upload_paths()?;
    let credential = head.credential.as_ref().map_err(|error| *error)?;
    let path = put::authorize_delete(paths, credential, &state.config.policy.secrets, secrets)?;
    if state.store.remove(path).await? {
        Ok(Answer::empty(StatusCode::NO_CONTENT, "deleted"))
    } else {
        Err(UploadError::NotFound)
    }
}
