//! Files that may be handed out: found under a reading of the path, and not expired.

use http::{
    HeaderName,
    header::{self, CONTENT_DISPOSITION, CONTENT_TYPE},
};
use satchel_core::{head::Head, outcome::Outcome, time::Timestamp, upload_path::UploadPath};
use satchel_store::{Found, Objects, Stored};

use crate::{config::DownloadConfig, error::DownloadError};

/// mod_http_file_share's own: a file never changes.
const CACHE_CONTROL: &str = "max-age=31556952, immutable";

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
    pub fn note(&self, outcome: &mut Outcome) {
        outcome.note("size_bytes", self.stored.size);
        outcome.note_owner(self.stored.metadata.owner);
        if let Some(size) = self.sealed {
            outcome.note_sealed(size);
        }
    }
}

/// The file that a request asks for, under the first reading of its path that leads to one.
///
/// # Errors
/// The address is none; there is no such file, or its time is over; the store failed.
pub async fn look<O: Objects>(files: &O, head: &Head<'_>, now: Timestamp) -> Result<File<O::Reader>, DownloadError> {
    for path in head.upload_paths()? {
        if let Some(Found { stored, sealed, reader }) = files.find(path).await? {
            let is_over = stored.metadata.expires.is_some_and(|at| at.is_reached(now));
            let path = path.clone();
            return if is_over { Err(DownloadError::Expired) } else { Ok(File { path, stored, sealed, reader }) };
        }
    }
    Err(DownloadError::NotFound)
}
