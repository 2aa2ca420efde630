//! `download`: GET and HEAD below `/upload/` redirect to a URL presigned for that very method; S3 then
//! serves the bytes, ranges and conditions included.

mod error;

use http::Method;
use lambda_http::{Body, Request, Response};
use satchel_aws::{
    answer, event, log,
    presign::{PresignedUrl, UrlTerms},
    seal::{self, Found},
    storage::Stored,
};
use satchel_core::{config::DownloadConfig, object_key::Key, upload_path::UploadPath, window::SigningWindow};

pub use error::DownloadError;

/// mod_http_file_share's own: a file never changes.
const CACHE_CONTROL: &str = "max-age=31556952, immutable";

/// Everything a request needs, built once per cold start.
pub type State = satchel_aws::state::State<DownloadConfig>;

/// Answers one request.
pub async fn handle(state: &State, request: Request) -> Response<Body> {
    let method = request.method().clone();
    let answered = match method {
        Method::OPTIONS => Ok(answer::preflight()),
        Method::GET | Method::HEAD => redirect(state, &request).await,
        _ => return answer::method_not_allowed(&method, "OPTIONS, HEAD, GET"),
    };
    answered.unwrap_or_else(|error| error.answer(&method))
}

async fn redirect(state: &State, request: &Request) -> Result<Response<Body>, DownloadError> {
    let paths = event::upload_paths(request, state.config.public_path.as_deref())?;
    let (path, Found { stored, sealed }) = first_found(state, &paths).await?.ok_or(DownloadError::NotFound)?;
    let now = state.clock.now();
    let expires = stored.metadata.expires;
    if expires.is_some_and(|at| at.is_reached(now)) {
        return Err(DownloadError::Expired);
    }
    let window = SigningWindow::at(now, state.config.url_life, expires);
    let url = presign(state, request.method(), path, &stored, window)?;
    let mut response = answer::redirect(&url, window.max_age);
    log::note(&mut response, "size_bytes", stored.size);
    log::note_owner(&mut response, stored.metadata.owner);
    if let Some(size) = sealed {
        log::note_sealed(&mut response, size);
    }
    Ok(response)
}

/// The first reading of the path that leads to a file.
async fn first_found<'a>(
    state: &State,
    paths: &'a [UploadPath],
) -> Result<Option<(&'a UploadPath, Found)>, DownloadError> {
    for path in paths {
        if let Some(found) = seal::find(&state.storage, path).await? {
            return Ok(Some((path, found)));
        }
    }
    Ok(None)
}

fn presign(
    state: &State,
    method: &Method,
    path: &UploadPath,
    stored: &Stored,
    window: SigningWindow,
) -> Result<PresignedUrl, DownloadError> {
    let terms = UrlTerms {
        method: method.clone(),
        key: &Key::of_upload(path),
        response: &response_headers(state, path, stored),
        content_length: None,
        checksum: None,
        at: window.signed_at,
        expires_in: window.expires_in,
    };
    Ok(state.presigner.presign(&terms)?)
}

/// What S3 is to answer with, in its own parameters (AWS: GetObject, HeadObject).
fn response_headers(state: &State, path: &UploadPath, stored: &Stored) -> [(&'static str, String); 3] {
    let disposition = state.config.safe_types.disposition(&stored.content_type, path.file_name());
    [
        ("response-cache-control", CACHE_CONTROL.to_owned()),
        ("response-content-disposition", disposition),
        ("response-content-type", stored.content_type.as_str().to_owned()),
    ]
}
