//! `upload`: PUT and DELETE below `/upload/`. A body that came with the event is stored in one S3
//! request; without one, the client or the front before us is sent to a presigned URL. The program decides by the same
//! [`decide`], and carries out by itself.

mod config;
mod error;
mod front;

use front::Target;
use http::{Method, StatusCode};
use lambda_http::{Body, Request, Response};
use satchel_aws::{
    answer,
    clock::fresh_upload_id,
    event, log,
    presign::{Presigner, Validity},
    storage::Storage,
};
use satchel_core::{
    grant::{Grant, PUT_URL_LIFE},
    object_key::Key,
    put::{self, PutRequest},
    route::Resource,
    time::Timestamp,
};
use satchel_store::{Body as StoredBody, CreateError, Creation, NewUpload, Objects};

pub use config::UploadConfig;
pub use error::UploadError;

/// Everything a request needs, built once per cold start.
pub type State<S = Storage> = satchel_aws::state::State<UploadConfig, S>;

/// Answers one request.
pub async fn handle<S: Objects>(state: &State<S>, request: Request) -> Response<Body> {
    let method = request.method().clone();
    let attempt = Attempt::of(&state.config, &request);
    match method {
        Method::OPTIONS => attempt.answered(Ok(answer::preflight())),
        Method::PUT => put(state, request, &attempt).await,
        Method::DELETE if state.config.delete_secrets.is_some() && attempt.resource == Resource::Upload => {
            attempt.answered(delete(state, &request).await)
        }
        _ => answer::method_not_allowed(&method, methods(&state.config)),
    }
}

fn methods(config: &UploadConfig) -> &'static str {
    if config.delete_secrets.is_some() { "OPTIONS, HEAD, GET, PUT, DELETE" } else { "OPTIONS, HEAD, GET, PUT" }
}

/// What a request has tried, for its answer and its line.
#[derive(Debug, Clone)]
pub struct Attempt {
    method: Method,
    resource: Resource,
    protocol: Option<&'static str>,
    size: Option<u64>,
}

impl Attempt {
    /// Reads it off the head.
    #[must_use]
    pub fn of(config: &UploadConfig, request: &Request) -> Self {
        let method = request.method().clone();
        let route = event::route(request, config.public_path.as_deref());
        let size = event::upload_length(request).ok().flatten().filter(|_| method == Method::PUT);
        Self {
            resource: route.map_or(Resource::Upload, |route| route.resource),
            protocol: event::protocol_tried(request),
            size,
            method,
        }
    }

    /// The answer to it, as a front wants it where a front has asked.
    #[must_use]
    pub fn answered(&self, answered: Result<Response<Body>, UploadError>) -> Response<Body> {
        let mut response = answered.unwrap_or_else(|error| self.refused(&error));
        log::note_attempt(&mut response, self.protocol, self.size);
        response
    }

    /// The same of an upload that was granted, which has an owner.
    #[must_use]
    pub fn granted(&self, grant: &Grant, answered: Result<Response<Body>, UploadError>) -> Response<Body> {
        let mut response = self.answered(answered);
        log::note_owner(&mut response, grant.owner);
        response
    }

    /// The answer to a body that is kept back.
    async fn sent_to(&self, kept_back: &SendTo<'_>, store: &impl Objects, now: Timestamp) -> Response<Body> {
        let target = kept_back.target(store, now).await;
        let answered = target.map(|target| match self.resource {
            Resource::Upload | Resource::Resume => front::redirected(&target),
            Resource::Authorize => front::allowed(&target),
        });
        self.granted(kept_back.grant(), answered)
    }

    fn refused(&self, error: &UploadError) -> Response<Body> {
        let response = error.answer(&self.method);
        match self.resource {
            Resource::Upload | Resource::Resume => response,
            Resource::Authorize => front::refused(response, &error.problem()),
        }
    }
}

/// What is to be done about a PUT, from its head alone.
#[derive(Debug)]
pub enum Decision<'a> {
    /// The body is here, or on its way: store it.
    Store(NewUpload),
    /// A front keeps the body back: it, or the client, is to be told where to send it.
    SendTo(SendTo<'a>),
}

/// An upload that goes to S3 without passing through here. There is none without what signs its URL.
#[derive(Debug)]
pub struct SendTo<'a> {
    upload: NewUpload,
    presigner: &'a Presigner,
}

/// Decides about a PUT. `presigner`: where clients reach an S3. `has_body`: one is here or on its way.
///
/// # Errors
/// The token allows no such upload; the head makes no sense; the body is kept back, and there is no S3 to send it to.
pub fn decide<'a>(
    config: &UploadConfig,
    presigner: Option<&'a Presigner>,
    request: &Request,
    attempt: &Attempt,
    has_body: bool,
    now: Timestamp,
) -> Result<Decision<'a>, UploadError> {
    let grant = authorize(config, request, now)?;
    let upload = NewUpload { digest: event::announced_digest(request.headers())?, grant };
    let is_kept_back = attempt.resource == Resource::Authorize || (!has_body && upload.grant.size > 0);
    if !is_kept_back {
        return Ok(Decision::Store(upload));
    }
    let presigner = presigner.ok_or(UploadError::KeptBack)?;
    Ok(Decision::SendTo(SendTo { upload, presigner }))
}

async fn put<S: Objects>(state: &State<S>, request: Request, attempt: &Attempt) -> Response<Body> {
    let has_body = !request.body().is_empty();
    let now = state.clock.now();
    match decide(&state.config, Some(&state.presigner), &request, attempt, has_body, now) {
        Err(error) => attempt.answered(Err(error)),
        Ok(Decision::SendTo(kept_back)) => kept_back.answer(attempt, &state.store, now).await,
        Ok(Decision::Store(upload)) => {
            let stored = store(state, &upload, request.into_body()).await;
            attempt.granted(&upload.grant, stored)
        }
    }
}

fn authorize(config: &UploadConfig, request: &Request, now: Timestamp) -> Result<Grant, UploadError> {
    let paths = event::upload_paths(request, config.public_path.as_deref())?;
    let (credential, paths) = event::credential_and_paths(request, paths)?;
    let length = event::upload_length(request)?;
    let content_type = content_type(request)?;
    let put = PutRequest { paths: &paths, credential: &credential, length, content_type };
    Ok(put::authorize(&put, &config.policy, now, fresh_upload_id()?)?)
}

/// A header that is no text cannot be the one that was signed, nor be stored.
fn content_type(request: &Request) -> Result<Option<&str>, UploadError> {
    let header = request.headers().get("content-type").map(|value| value.to_str());
    header.transpose().map_err(|_| UploadError::ContentTypeNotText)
}

async fn store<S: Objects>(state: &State<S>, upload: &NewUpload, body: Body) -> Result<Response<Body>, UploadError> {
    let body = event::into_bytes(body);
    upload.digest.map_or(Ok(()), |announced| announced.check(&body))?;
    stored(Objects::create(&state.store, upload, StoredBody::Whole(body)).await)
}

/// What storing an upload has come to: 201, or why not.
///
/// # Errors
/// There is a file already; the body or the store failed.
pub fn stored(created: Result<Creation, CreateError>) -> Result<Response<Body>, UploadError> {
    match created? {
        Creation::Created => Ok(answer::empty(StatusCode::CREATED, "stored")),
        Creation::Repeated(_) => Ok(answer::empty(StatusCode::CREATED, "stored_before")),
        Creation::Exists => Err(UploadError::Exists),
    }
}

impl SendTo<'_> {
    /// Says where the body is to be sent to, or why nowhere.
    pub async fn answer(&self, attempt: &Attempt, store: &impl Objects, now: Timestamp) -> Response<Body> {
        attempt.sent_to(self, store, now).await
    }

    fn grant(&self) -> &Grant {
        &self.upload.grant
    }

    async fn target(&self, store: &impl Objects, now: Timestamp) -> Result<Target, UploadError> {
        let NewUpload { grant, digest: checksum } = &self.upload;
        let key = Key::of_grant(grant)?;
        if store.head(&grant.path).await?.is_some() {
            return Err(UploadError::Exists);
        }
        let validity = Validity { from: now, seconds: PUT_URL_LIFE };
        let url = self.presigner.put(key.as_str(), grant.size, *checksum, validity).await?;
        Ok(Target { url, checksum: *checksum })
    }
}

/// Metronome's DELETE.
async fn delete<S: Objects>(state: &State<S>, request: &Request) -> Result<Response<Body>, UploadError> {
    let Some(secrets) = &state.config.delete_secrets else { return Err(UploadError::NotFound) };
    let paths = event::upload_paths(request, state.config.public_path.as_deref())?;
    let credential = event::credential(request)?;
    let path = put::authorize_delete(&paths, &credential, &state.config.policy.secrets, secrets)?;
    if state.store.remove(path).await? {
        Ok(answer::empty(StatusCode::NO_CONTENT, "deleted"))
    } else {
        Err(UploadError::NotFound)
    }
}
