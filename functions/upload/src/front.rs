//! What clients and fronts hear whose body goes to S3 without passing through here. A front, such as nginx's auth_request,
//! understands yes (2xx) and no (401, 403) alone: the rest is in headers.

use http::{HeaderName, StatusCode, header::CACHE_CONTROL};
use lambda_http::{Body, Response};
use satchel_aws::{answer, log, presign::PresignedUrl};
use satchel_core::{digest::Sha256Digest, problem::Problem};

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
pub(crate) fn redirected(target: &Target) -> Response<Body> {
    with_checksum(answer::redirect(&target.url, 0), target)
}

/// To a front: yes.
pub(crate) fn allowed(target: &Target) -> Response<Body> {
    let mut response = answer::empty(StatusCode::NO_CONTENT, "redirected");
    answer::set(&mut response, LOCATION, target.url.as_str());
    answer::set(&mut response, CACHE_CONTROL, "no-store");
    with_checksum(response, target)
}

/// To a front: no, with the answer that a client would get.
pub(crate) fn refused(mut response: Response<Body>, problem: &Problem) -> Response<Body> {
    answer::set(&mut response, STATUS, problem.status.as_str());
    answer::set(&mut response, CODE, problem.code);
    log::note(&mut response, "true_status", problem.status.as_u16());
    if problem.status != StatusCode::UNAUTHORIZED {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}

fn with_checksum(mut response: Response<Body>, target: &Target) -> Response<Body> {
    if let Some(checksum) = target.checksum {
        answer::set(&mut response, CHECKSUM, &checksum.to_base64());
    }
    response
}
