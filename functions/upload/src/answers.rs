//! Answers to uploads, as a front wants them where a front has asked; their lines say what was tried.

use http::{Method, StatusCode};
use satchel_core::{answer::Answer, grant::Grant, head::Head, outcome::Failure, route::Resource};
use satchel_store::{CreateError, Creation};

use crate::{error::UploadError, front};

/// What storing an upload has come to: 201, or why not.
///
/// # Errors
/// There is a file already; the body or the store failed.
pub fn stored(created: Result<Creation, CreateError>) -> Result<Answer, UploadError> {
    match created? {
        Creation::Created => Ok(Answer::empty(StatusCode::CREATED, "stored")),
        Creation::Repeated(_) => Ok(Answer::empty(StatusCode::CREATED, "stored_before")),
        Creation::Exists => Err(UploadError::Exists),
    }
}

/// The answer to an upload that was granted, which has an owner.
#[must_use]
pub fn granted(head: &Head<'_>, grant: &Grant, answered: Result<Answer, UploadError>) -> Answer {
    let mut answer = self::answered(head, answered);
    answer.outcome.note_owner(grant.owner);
    answer
}

/// The answer to one that was not.
#[must_use]
pub fn refused(head: &Head<'_>, error: UploadError) -> Answer {
    answered(head, Err(error))
}

pub(crate) fn answered(head: &Head<'_>, answered: Result<Answer, UploadError>) -> Answer {
    let mut answer = answered.unwrap_or_else(|error| refusal(head, &error));
    let size = head.length.ok().flatten().filter(|_| *head.method() == Method::PUT);
    answer.outcome.note_attempt(head.protocol, size);
    answer
}

fn refusal(head: &Head<'_>, error: &UploadError) -> Answer {
    let answer = Answer::refusal(head.method(), error);
    match head.resource() {
        Resource::Upload | Resource::Resume => answer,
        Resource::Authorize => front::refused(answer, &error.problem()),
    }
}
