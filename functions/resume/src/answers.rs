//! The answers of the tus protocol.

use http::{HeaderName, StatusCode, header};
use lambda_http::{Body, Response};
use satchel_aws::answer::{empty, set};
use satchel_core::{checksum, cors, upload_metadata::UploadMetadata};

use crate::{
    limits::Limits,
    request::ID_HEADER,
    session::Session,
    tus::{self, http_date},
};

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSION: HeaderName = HeaderName::from_static("tus-version");
const EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_LIMIT: HeaderName = HeaderName::from_static("upload-limit");
const SESSION_TOKEN: HeaderName = HeaderName::from_static(ID_HEADER);

/// Adds what every answer carries, whatever it says. `Tus-Version` goes with a refused version, `Upload-Limit` with what
/// is too large, and neither does harm elsewhere.
#[must_use]
pub fn of_tus(mut response: Response<Body>, limits: Limits) -> Response<Body> {
    set(&mut response, UPLOAD_LIMIT, &limits.to_header());
    set(&mut response, RESUMABLE, tus::VERSION);
    set(&mut response, VERSION, tus::VERSION);
    set(&mut response, header::CACHE_CONTROL, "no-store");
    cors::tus::allow_any_origin(response.headers_mut());
    response
}

/// What this server can do: OPTIONS, a browser's preflight included.
pub fn capabilities(max_size: u64) -> Response<Body> {
    let mut response = empty(StatusCode::NO_CONTENT, "capabilities");
    set(&mut response, EXTENSION, tus::EXTENSIONS);
    set(&mut response, MAX_SIZE, &max_size.to_string());
    set(&mut response, CHECKSUM_ALGORITHM, checksum::ALGORITHMS);
    response
}

/// 201 for a new upload, with the two ways to continue it; where all of it came along, it is a file already.
pub fn created(session: &Session, id: &str, location: &str, offset: u64, code: &'static str) -> Response<Body> {
    let mut response = empty(StatusCode::CREATED, code);
    set(&mut response, header::LOCATION, location);
    set(&mut response, SESSION_TOKEN, id);
    progress(&mut response, session, offset);
    response
}

pub fn creation_code(is_complete: bool) -> &'static str {
    if is_complete { "stored" } else { "upload_created" }
}

/// How far an upload is. 200 as in the protocol's examples.
pub fn found(session: &Session, offset: u64, metadata: &UploadMetadata) -> Response<Body> {
    let mut response = empty(StatusCode::OK, "upload_found");
    set(&mut response, UPLOAD_LENGTH, &session.grant.size.to_string());
    if !metadata.as_str().is_empty() {
        set(&mut response, UPLOAD_METADATA, metadata.as_str());
    }
    progress(&mut response, session, offset);
    response
}

/// A chunk is stored; with the last one, so is the file.
pub fn appended(session: &Session, offset: u64) -> Response<Body> {
    let code = if offset == session.grant.size { "stored" } else { "chunk_stored" };
    let mut response = empty(StatusCode::NO_CONTENT, code);
    progress(&mut response, session, offset);
    response
}

/// The upload is no more.
pub fn terminated() -> Response<Body> {
    empty(StatusCode::NO_CONTENT, "upload_terminated")
}

/// Only what is unfinished expires this way (tus, "Expiration").
fn progress(response: &mut Response<Body>, session: &Session, offset: u64) {
    set(response, UPLOAD_OFFSET, &offset.to_string());
    if offset < session.grant.size {
        set(response, UPLOAD_EXPIRES, &http_date(session.expires));
    }
}
