//! `download`: GET and HEAD below `/upload/` redirect to a URL presigned for that very method; S3 then
//! serves the bytes, ranges and conditions included.

mod config;
pub mod disposition;
mod error;
pub mod window;

use http::{
    HeaderName, Method,
    header::{self, CONTENT_DISPOSITION, CONTENT_TYPE},
};
use lambda_http::{Body, Request, Response};
use satchel_aws::{
    answer, event, log,
    presign::{Headers, PresignedUrl, Validity},
    storage::Storage,
};
use satchel_core::{object_key::Key, time::Timestamp, upload_path::UploadPath};
use satchel_store::{Found, Objects, Stored};

use crate::window::SigningWindow;

pub use config::DownloadConfig;
pub use error::DownloadError;

/// mod_http_file_share's own: a file never changes.
const CACHE_CONTROL: &str = "max-age=31556952, immutable";

/// Everything a request needs, built once per cold start.
pub type State<S = Storage> = satchel_aws::state::State<DownloadConfig, S>;

/// Answers one request.
pub async fn handle<S: Objects>(state: &State<S>, request: Request) -> Response<Body> {
    let method = request.method().clone();
    let answered = match method {
        Method::OPTIONS => Ok(answer::preflight()),
        Method::GET | Method::HEAD => redirect(state, &request).await,
        _ => return answer::method_not_allowed(&method, "OPTIONS, HEAD, GET"),
    };
    answered.unwrap_or_else(|error| error.answer(&method))
}

/// A file that may be handed out now.
#[derive(Debug)]
pub struct File<R> {
    /// Where it is.
    pub path: UploadPath,
    /// What is known of it.
    pub stored: Stored,
    /// Bytes of the upload that has become it on the way.
    pub sealed: Option<u64>,
    /// Its bytes.
    pub reader: R,
}

impl<R> File<R> {
    /// Cache-Control, Content-Disposition and Content-Type, whoever sends the bytes.
    #[must_use]
    pub fn headers(&self, config: &DownloadConfig) -> [(HeaderName, String); 3] {
        let Self { path, stored, .. } = self;
        [
            (header::CACHE_CONTROL, CACHE_CONTROL.to_owned()),
            (CONTENT_DISPOSITION, config.safe_types.disposition(&stored.content_type, path.file_name())),
            (CONTENT_TYPE, stored.content_type.as_str().to_owned()),
        ]
    }

    /// Adds what the line of its answer says about it.
    pub fn note(&self, response: &mut Response<Body>) {
        log::note(response, "size_bytes", self.stored.size);
        log::note_owner(response, self.stored.metadata.owner);
        if let Some(size) = self.sealed {
            log::note_sealed(response, size);
        }
    }
}

/// The file that a request asks for, under the first reading of its path that leads to one.
///
/// # Errors
/// The address is none; there is no such file, or its time is over; the store failed.
pub async fn look<O: Objects>(
    config: &DownloadConfig,
    files: &O,
    request: &Request,
    now: Timestamp,
) -> Result<File<O::Reader>, DownloadError> {
    for path in event::upload_paths(request, config.public_path.as_deref())? {
        if let Some(Found { stored, sealed, reader }) = files.find(&path).await? {
            let is_over = stored.metadata.expires.is_some_and(|at| at.is_reached(now));
            return if is_over { Err(DownloadError::Expired) } else { Ok(File { path, stored, sealed, reader }) };
        }
    }
    Err(DownloadError::NotFound)
}

async fn redirect<S: Objects>(state: &State<S>, request: &Request) -> Result<Response<Body>, DownloadError> {
    let now = state.clock.now();
    let file = look(&state.config, &state.store, request, now).await?;
    let window = SigningWindow::at(now, state.config.url_life, file.stored.metadata.expires);
    let url = presign(state, request.method(), &file, window).await?;
    let mut response = answer::redirect(&url, window.max_age);
    file.note(&mut response);
    Ok(response)
}

async fn presign<S, R>(
    state: &State<S>,
    method: &Method,
    file: &File<R>,
    window: SigningWindow,
) -> Result<PresignedUrl, DownloadError> {
    let mut headers = Headers::default();
    for (name, value) in file.headers(&state.config) {
        match name {
            CONTENT_TYPE => headers.content_type = Some(value),
            CONTENT_DISPOSITION => headers.content_disposition = Some(value),
            _ => headers.cache_control = Some(value),
        }
    }
    let validity = Validity { from: window.signed_at, seconds: window.expires_in };
    Ok(state.presigner.get(method, Key::of_upload(&file.path).as_str(), headers, validity).await?)
}
