//! A body that s3s has read before an operation is called: XML. Its digests are made as it passes, and verified before
//! anything is done.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, Method, Request};
use s3s::{S3Result, s3_error};
use satchel_folder::{Observer, Refusal};

use super::digests::{Announced, Digests, header_of};
use super::put::checksum;
use crate::query::Query;

/// What was announced of a body, and what has passed of it.
#[derive(Clone)]
pub(crate) struct Watched(Arc<Mutex<Option<(Announced, Digests)>>>);

impl Watched {
    /// `None` where the request announces nothing, or its body is an object's or a part's, which are verified where they
    /// are taken in.
    pub(crate) fn of<B>(request: &Request<B>) -> S3Result<Option<Self>> {
        if !has_xml(request) {
            return Ok(None);
        }
        let headers = request.headers();
        // There a checksum is that of the object to be.
        let is_completion = Query::parse(request.uri().query())?.get("uploadId").is_some();
        let checksum = if is_completion { None } else { of_xml(headers)? };
        let md5 = headers.get("content-md5").map(|value| value.to_str().unwrap_or_default().to_owned());
        if md5.is_none() && checksum.is_none() {
            return Ok(None);
        }
        let announced = Announced { md5, checksum, ..Announced::default() };
        let digests = Digests::of(&announced);
        Ok(Some(Self(Arc::new(Mutex::new(Some((announced, digests)))))))
    }

    /// More of the body.
    pub(crate) fn update(&self, bytes: &[u8]) {
        if let Some((_, digests)) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            digests.update(bytes);
        }
    }

    /// Whether all of it was what was announced. To be asked once.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some((announced, digests)) => digests.check(&announced).map(|_| ()),
            None => Ok(()),
        }
    }
}

/// A PUT on a bucket, any POST.
fn has_xml<B>(request: &Request<B>) -> bool {
    let key = request.uri().path().trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
    *request.method() == Method::POST || *request.method() == Method::PUT && key.is_empty()
}

type Named = (satchel_folder::ChecksumAlgorithm, Option<String>);

/// AWS: "there must be a corresponding x-amz-checksum header". One that follows the body is refused with it.
fn of_xml(headers: &HeaderMap) -> S3Result<Option<Named>> {
    let found = checksum(headers)?;
    let promised = headers.get("x-amz-sdk-checksum-algorithm").map(|name| name.to_str().unwrap_or_default());
    let is_kept = |promised: &str| {
        let header = format!("x-amz-checksum-{}", promised.to_ascii_lowercase());
        found.as_ref().is_some_and(|(algorithm, _)| header_of(*algorithm) == header)
    };
    if promised.is_some_and(|promised| !is_kept(promised)) {
        return Err(s3_error!(InvalidRequest, "x-amz-sdk-checksum-algorithm names a checksum that is not there"));
    }
    Ok(found)
}
