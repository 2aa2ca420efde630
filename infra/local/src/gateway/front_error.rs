//! Everything that can go wrong between a client's body and S3, and how it is answered.

use std::error::Error;

use http::{Method, StatusCode};
use hyper::Response;
use lambda_http::Body;
use satchel_aws::{answer::refusal, log, storage::StorageError};
use satchel_core::{digest::DigestError, problem::Problem};
use satchel_upload::UploadError;

use super::{answer::refuse_with, body::BodyError};

/// Why a body did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// The client's side broke off.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// What the function would say, too, had it seen the body: the wrong digest, a file that was first, no sealing.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// S3's side broke off.
    #[error("the file store is not available; nothing is lost, try again")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// S3 takes nothing and says nothing.
    #[error("the file store does not answer; nothing is lost, try again")]
    Hangs,
    /// S3 did not take the presigned PUT.
    #[error("the file store did not take the upload; try again")]
    Refused(StatusCode),
    /// The upload is gone from where it was put.
    #[error("the upload was replaced while it was stored; try again")]
    Replaced,
    /// The function's redirect cannot be followed.
    #[error("the upload could not be prepared; try again")]
    Redirect,
}

impl From<DigestError> for FrontError {
    fn from(error: DigestError) -> Self {
        UploadError::from(error).into()
    }
}

impl From<StorageError> for FrontError {
    fn from(error: StorageError) -> Self {
        UploadError::from(error).into()
    }
}

impl FrontError {
    /// What our own side of the stream said, if that is what broke it.
    pub fn of(error: hyper_util::client::legacy::Error) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            match error.downcast_ref::<Self>() {
                Some(Self::Upload(UploadError::Digest(digest))) => return (*digest).into(),
                Some(Self::Body(body)) => return (*body).into(),
                _ => cause = error.source(),
            }
        }
        Self::Unreachable(error)
    }

    /// The answer to the client.
    pub fn answer(&self, method: &Method) -> Response<Body> {
        let mut response = match self {
            Self::Body(error) => return refuse_with(method, &error.problem()),
            Self::Upload(error) => return error.answer(method),
            Self::Refused(StatusCode::INSUFFICIENT_STORAGE) => refusal(method, &StorageError::full()),
            other => refusal(method, &other.problem()),
        };
        match self {
            // Its sources say why; it knows no URL.
            Self::Unreachable(cause) => log::note(&mut response, "cause", format!("{cause:?}")),
            other => log::note(&mut response, "reason", other.to_string()),
        }
        if let Self::Refused(status) = self {
            log::note(&mut response, "s3_status", status.as_u16());
        }
        response
    }

    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Body(_) | Self::Upload(_) | Self::Redirect => (StatusCode::INTERNAL_SERVER_ERROR, "not_prepared"),
            Self::Unreachable(_) | Self::Hangs | Self::Refused(_) | Self::Replaced => {
                (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable")
            }
        };
        Problem::new(status, code, self.to_string())
    }
}
