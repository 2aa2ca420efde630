//! Everything that can go wrong with a download, and the one place that says how it is answered.

use http::StatusCode;
use satchel_aws::presign::PresignError;
use satchel_core::{
    outcome::{Failure, Field, cause, reason},
    problem::Problem,
    route::RouteError,
};
use satchel_store::StoreError;

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address is wrong.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// No such file.
    #[error("there is no file at this address; it may have been deleted")]
    NotFound,
    /// Past its expiry.
    #[error("the file has expired")]
    Expired,
    /// S3 failed.
    #[error("the file store is not available; try again")]
    Storage(#[from] StoreError),
    /// Signing failed.
    #[error("the download could not be prepared; try again")]
    Presign(#[from] PresignError),
}

fn damaged() -> Problem {
    let text = "the file is damaged where it is stored; tell the administrator, or ask for it to be sent again";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "file_damaged", text.to_owned())
}

impl Failure for DownloadError {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Route(error) => return error.problem(),
            Self::NotFound => (StatusCode::NOT_FOUND, "file_not_found"),
            Self::Expired => (StatusCode::GONE, "file_expired"),
            Self::Storage(error) if error.is_damaged() => return damaged(),
            Self::Storage(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
            Self::Presign(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not_prepared"),
        };
        Problem::new(status, code, self.to_string())
    }

    fn fields(&self) -> Vec<Field> {
        match self {
            Self::Storage(error) => cause(error),
            Self::Presign(error) => cause(&format!("{error:?}")),
            other => reason(other),
        }
    }
}
