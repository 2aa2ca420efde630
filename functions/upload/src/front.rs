//! What clients and fronts hear whose body goes to S3 without passing through here. A front, such as nginx's auth_request,
//! understands yes (2xx) and no (401, 403) alone: the rest is in headers.

use http::{HeaderName, StatusCode, header::CACHE_CONTROL};
use satchel_aws::presign::PresignedUrl;
use satchel_core::{answer::Answer, digest::Sha256Digest, problem::Problem};

/// Where a front sends the body: the presigned URL of an upload that is allowed.
const LOCATION: HeaderName = HeaderName::from_static("x-satchel-location");
/// What is to be sent along as `x-amz-checksum-sha256`, where the client announced a digest.
const CHECKSUM: HeaderName = HeaderName::from_static("x-satchel-checksum");
/// The true status of a refusal.
const STATUS: HeaderName = HeaderName::from_static("x-satchel-status");
/// Its stable code.
const CODE: HeaderName = HeaderName::from_static("x-satchel-code");

/// Where a body goes.
#[derive(Debug)]
pub(crate) struct Target {
    /// The address of the very PUT.
    pub(crate) url: PresignedUrl,
    /// What the URL demands of it.
    pub(crate) checksum: Option<Sha256Digest>,
}

/// To a client: it sends the body there.
pub(crate) fn redirected(target: &Target) -> Answer {
    with_checksum(Answer::redirect(target.url.as_str(), 0), target)
}

/// To a front: yes.
pub(crate) fn allowed(target: &Target) -> Answer {
    let answer = Answer::empty(StatusCode::NO_CONTENT, "redirected");
    with_checksum(answer.with(LOCATION, target.url.as_str()).with(CACHE_CONTROL, "no-store"), target)
}

/// To a front: no, with the answer that a client would get.
pub(crate) fn refused(answer: Answer, problem: &Problem) -> Answer {
    let mut answer = answer.with(STATUS, problem.status.as_str()).with(CODE, problem.code);
    answer.note("true_status", problem.status.as_u16());
    if problem.status != StatusCode::UNAUTHORIZED {
        *answer.response.status_mut() = StatusCode::FORBIDDEN;
    }
    answer
}

fn with_checksum(mut answer: Answer, target: &Target) -> Answer {
    if let Some(checksum) = target.checksum {
        answer.set(CHECKSUM, &checksum.to_base64());
    }
    answer
}
