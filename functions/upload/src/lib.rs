//! `upload`: PUT and DELETE below `/upload/`. A body that came with the event is stored in one S3
//! request; without one, the client or the front before us is sent to a presigned URL.

mod error;

use http::{Method, StatusCode};
use lambda_http::{Body, Request, Response};
use satchel_aws::{answer, clock::fresh_upload_id, event, log, presign::UrlTerms, seal, storage::Creation};
use satchel_core::{
    config::UploadConfig,
    digest::Sha256Digest,
    grant::Grant,
    metadata::Metadata,
    object_key::Key,
    put::{self, PutRequest},
    route::Resource,
    slot::PUT_URL_LIFE,
};

pub use error::UploadError;

/// Everything a request needs, built once per cold start.
pub type State = satchel_aws::state::State<UploadConfig>;

/// Answers one request.
pub async fn handle(state: &State, request: Request) -> Response<Body> {
    let method = request.method().clone();
    let route = event::route(&request, state.config.public_path.as_deref());
    let resource = route.map_or(Resource::Upload, |route| route.resource);
    let protocol = event::protocol_tried(&request);
    let size = event::upload_length(&request).ok().flatten().filter(|_| method == Method::PUT);
    let answered = match method {
        Method::OPTIONS => Ok(answer::preflight()),
        Method::PUT => put(state, request, resource).await,
        Method::DELETE if state.config.delete_secrets.is_some() && resource == Resource::Upload => {
            delete(state, &request).await
        }
        _ => return answer::method_not_allowed(&method, methods(&state.config)),
    };
    let mut response = answered.unwrap_or_else(|error| error.answer(&method));
    log::note_attempt(&mut response, protocol, size);
    match resource {
        // Nothing of the tus protocol is answered here, so this is a refusal.
        Resource::Upload | Resource::Resume => response,
        Resource::Authorize => answer::for_front(response),
    }
}

fn methods(config: &UploadConfig) -> &'static str {
    if config.delete_secrets.is_some() { "OPTIONS, HEAD, GET, PUT, DELETE" } else { "OPTIONS, HEAD, GET, PUT" }
}

async fn put(state: &State, request: Request, resource: Resource) -> Result<Response<Body>, UploadError> {
    let method = request.method().clone();
    let grant = authorize(state, &request)?;
    let answered = granted(state, &grant, request, resource).await;
    let mut response = answered.unwrap_or_else(|error| error.answer(&method));
    log::note_owner(&mut response, grant.owner);
    Ok(response)
}

async fn granted(
    state: &State,
    grant: &Grant,
    request: Request,
    resource: Resource,
) -> Result<Response<Body>, UploadError> {
    let digest = event::announced_digest(request.headers())?;
    if resource == Resource::Authorize || (request.body().is_empty() && grant.size > 0) {
        redirect(state, grant, digest).await
    } else {
        store(state, grant, digest, request.into_body()).await
    }
}

fn authorize(state: &State, request: &Request) -> Result<Grant, UploadError> {
    let paths = event::upload_paths(request, state.config.public_path.as_deref())?;
    let (credential, paths) = event::credential_and_paths(request, paths)?;
    let length = event::upload_length(request)?;
    let content_type = content_type(request)?;
    let put = PutRequest { paths: &paths, credential: &credential, length, content_type };
    Ok(put::authorize(&put, &state.config.policy, state.clock.now(), fresh_upload_id()?)?)
}

/// A header that is no text cannot be the one that was signed, nor be stored.
fn content_type(request: &Request) -> Result<Option<&str>, UploadError> {
    let header = request.headers().get("content-type").map(|value| value.to_str());
    header.transpose().map_err(|_| UploadError::ContentTypeNotText)
}

async fn store(
    state: &State,
    grant: &Grant,
    digest: Option<Sha256Digest>,
    body: Body,
) -> Result<Response<Body>, UploadError> {
    let body = event::into_bytes(body);
    digest.map_or(Ok(()), |announced| announced.check(&body))?;
    match state.storage.create(grant, &Metadata::of(grant), body, digest).await? {
        Creation::Created => Ok(answer::empty(StatusCode::CREATED, "stored")),
        Creation::Exists => Err(UploadError::Exists),
    }
}

/// The grant goes along as an extension of the response, for a front in the same process.
async fn redirect(state: &State, grant: &Grant, checksum: Option<Sha256Digest>) -> Result<Response<Body>, UploadError> {
    let key = Key::of_grant(grant)?;
    if state.storage.head(&grant.path).await?.is_some() {
        return Err(UploadError::Exists);
    }
    let url = state.presigner.presign(&UrlTerms {
        method: Method::PUT,
        key: &key,
        response: &[],
        content_length: Some(grant.size),
        checksum,
        at: state.clock.now(),
        expires_in: PUT_URL_LIFE,
    })?;
    let mut response = answer::redirect(&url, 0);
    response.extensions_mut().insert(grant.clone());
    if let Some(checksum) = checksum {
        answer::set(&mut response, answer::FRONT_CHECKSUM, &checksum.to_base64());
    }
    Ok(response)
}

/// Metronome's DELETE.
async fn delete(state: &State, request: &Request) -> Result<Response<Body>, UploadError> {
    let Some(secrets) = &state.config.delete_secrets else { return Err(UploadError::NotFound) };
    let paths = event::upload_paths(request, state.config.public_path.as_deref())?;
    let credential = event::credential(request)?;
    let path = put::authorize_delete(&paths, &credential, &state.config.policy.secrets, secrets)?;
    if seal::delete(&state.storage, path).await? {
        Ok(answer::empty(StatusCode::NO_CONTENT, "deleted"))
    } else {
        Err(UploadError::NotFound)
    }
}
