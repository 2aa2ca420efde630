//! `GetObject` and `HeadObject`: conditions, ranges, and the overrides a presigned URL may carry.

use std::ops;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use s3s::dto::{
    ChecksumType, GetObjectInput, GetObjectOutput, GetObjectTaggingInput, GetObjectTaggingOutput, HeadObjectInput,
    HeadObjectOutput, Range, StreamingBlob,
};
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, StdError, s3_error};
use satchel_folder::{Address, Checksum, Found, Headers, ObjectHead, ObjectStream};

use super::conditions;
use super::error::OrS3;
use super::headers::{etag, set_checksum, signed, timestamp};
use super::service::Api;
use crate::query::Query;

/// Query parameter and the header it overrides.
const OVERRIDES: [(&str, HeaderName); 6] = [
    ("response-content-type", header::CONTENT_TYPE),
    ("response-content-disposition", header::CONTENT_DISPOSITION),
    ("response-content-encoding", header::CONTENT_ENCODING),
    ("response-content-language", header::CONTENT_LANGUAGE),
    ("response-cache-control", header::CACHE_CONTROL),
    ("response-expires", header::EXPIRES),
];

/// s3s has two types for what a GET and a HEAD say alike: one of them, filled, and the headers that go with it.
macro_rules! described {
    ($output:ident, $selected:expr, $mode:expr) => {{
        let (Selected { found, range, partial, headers, .. }, mode) = ($selected, $mode);
        let head = found.head();
        let checksum = asked(head, *partial, mode);
        let mut output = $output {
            accept_ranges: Some("bytes".to_owned()),
            checksum_type: checksum.map(checksum_type),
            content_length: Some(signed(range.end - range.start)?),
            content_range: partial.then(|| content_range(range, head.size)),
            e_tag: Some(etag(&head.etag)),
            last_modified: Some(timestamp(head.modified)),
            metadata: Some(head.headers.metadata.clone().into_iter().collect()),
            ..$output::default()
        };
        set_checksum!(output, checksum);
        S3Response::with_headers(output, headers.clone())
    }};
}

pub(super) async fn get(api: &Api, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
    let input = &request.input;
    refuse_part(input.part_number)?;
    refuse_version(input.version_id.as_deref())?;
    let query = Query::parse(request.uri.query())?;
    let selected = select(api, &input.bucket, &input.key, &request.headers, &query, input.range)?;
    let mode = input.checksum_mode.is_some() || selected.checksum_mode;
    let mut response = described!(GetObjectOutput, &selected, mode);
    response.output.body =
        Some(StreamingBlob::new(Bytes(api.store.read(selected.found, selected.range).await.or_s3()?)));
    Ok(response)
}

pub(super) async fn head(api: &Api, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = &request.input;
    refuse_part(input.part_number)?;
    refuse_version(input.version_id.as_deref())?;
    let query = Query::parse(request.uri.query())?;
    // RFC 9110, section 14.2: a range is for GET only.
    let selected = select(api, &input.bucket, &input.key, &request.headers, &query, None)?;
    let mode = input.checksum_mode.is_some() || selected.checksum_mode;
    Ok(described!(HeadObjectOutput, &selected, mode))
}

/// An object's bytes as s3s takes them.
struct Bytes(ObjectStream);

impl Stream for Bytes {
    type Item = Result<bytes::Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(context).map_err(Into::into)
    }
}

impl ByteStream for Bytes {
    fn remaining_length(&self) -> RemainingLength {
        let remaining = usize::try_from(self.0.remaining());
        remaining.map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}

/// No object has tags; copying clients ask for them.
pub(super) async fn tagging(
    api: &Api,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = request.input;
    refuse_version(input.version_id.as_deref())?;
    api.store.find(&Address { bucket: input.bucket, key: input.key }).or_s3()?;
    Ok(S3Response::new(GetObjectTaggingOutput::default()))
}

fn refuse_part(part: Option<i32>) -> S3Result<()> {
    match part {
        None => Ok(()),
        Some(_) => Err(s3_error!(NotImplemented, "partNumber is not implemented")),
    }
}

/// There is one version of each object, which S3 calls `null`.
pub(super) fn refuse_version(version: Option<&str>) -> S3Result<()> {
    match version {
        None | Some("null") => Ok(()),
        Some(_) => Err(s3_error!(NoSuchVersion)),
    }
}

struct Selected {
    found: Found,
    /// The bytes that are asked for.
    range: ops::Range<u64>,
    /// Whether that is a 206.
    partial: bool,
    /// What the answer says about the object.
    headers: HeaderMap,
    /// Whether the query asks for the checksum, where some SDKs write `x-amz-checksum-mode` in presigned URLs.
    checksum_mode: bool,
}

fn select(
    api: &Api,
    bucket: &str,
    key: &str,
    headers: &HeaderMap,
    query: &Query,
    range: Option<Range>,
) -> S3Result<Selected> {
    let found = api.store.find(&Address { bucket: bucket.to_owned(), key: key.to_owned() }).or_s3()?;
    let head = found.head();
    let answer = response_headers(&head.headers, query)?;
    conditions::on_read(headers, &conditions::READ, head, &answer)?;
    let range = range.filter(|_| still_same(headers, head));
    let (range, partial) = match range {
        None => (0..head.size, false),
        Some(range) => (satisfy(&range, head.size)?, true),
    };
    let checksum_mode = query.get("x-amz-checksum-mode").is_some();
    Ok(Selected { found, range, partial, headers: answer, checksum_mode })
}

/// `If-Range`: a client that resumes gets the rest only of the same object, else the whole of the new one.
fn still_same(headers: &HeaderMap, head: &ObjectHead) -> bool {
    let Some(validator) = headers.get(header::IF_RANGE) else { return true };
    validator.to_str().is_ok_and(|tag| tag == format!("\"{}\"", head.etag))
}

fn satisfy(range: &Range, size: u64) -> S3Result<ops::Range<u64>> {
    let satisfied = match *range {
        Range::Int { first, last } => first..last.map_or(size, |last| size.min(last.saturating_add(1))),
        Range::Suffix { length } => size.saturating_sub(length)..size,
    };
    if satisfied.is_empty() {
        return Err(unsatisfiable(size));
    }
    Ok(satisfied)
}

/// RFC 9110 has the size in a 416, so that a client can ask again.
fn unsatisfiable(size: u64) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::InvalidRange, "The requested range is not satisfiable");
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
        let xml = (header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        error.set_headers([xml, (header::CONTENT_RANGE, value)].into_iter().collect());
    }
    error
}

fn content_range(range: &ops::Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

/// A part of an object has no checksum of its own.
fn asked(head: &ObjectHead, partial: bool, mode: bool) -> Option<&Checksum> {
    head.checksum.as_ref().filter(|_| mode && !partial)
}

fn checksum_type(checksum: &Checksum) -> ChecksumType {
    ChecksumType::from_static(if checksum.parts > 0 { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
}

/// The stored headers, with the overrides of the query. Done here for both methods: s3s does it for GET only.
fn response_headers(stored: &Headers, query: &Query) -> S3Result<HeaderMap> {
    let own = [
        (header::CONTENT_TYPE, &stored.content_type),
        (header::CONTENT_DISPOSITION, &stored.content_disposition),
        (header::CONTENT_ENCODING, &stored.content_encoding),
        (header::CONTENT_LANGUAGE, &stored.content_language),
        (header::CACHE_CONTROL, &stored.cache_control),
        (header::EXPIRES, &stored.expires),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in own {
        if let Some(value) = value {
            headers.insert(name, HeaderValue::from_str(value).map_err(S3Error::internal_error)?);
        }
    }
    for (name, header) in OVERRIDES {
        let Some(value) = query.get(name) else { continue };
        let value = HeaderValue::from_bytes(value.as_bytes());
        let value = value.map_err(|_| s3_error!(InvalidArgument, "{name} has characters that no header may have"))?;
        headers.insert(header, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_object_or_refused() {
        let int = |first, last| Range::Int { first, last };
        let cases = [
            ("first byte", int(0, Some(0)), 10, Some(0..1)),
            ("to the last byte", int(0, Some(9)), 10, Some(0..10)),
            ("beyond the end", int(5, Some(100)), 10, Some(5..10)),
            ("open end", int(9, None), 10, Some(9..10)),
            ("start at the end", int(10, None), 10, None),
            ("suffix", Range::Suffix { length: 3 }, 10, Some(7..10)),
            ("suffix longer than the object", Range::Suffix { length: 11 }, 10, Some(0..10)),
            ("empty suffix", Range::Suffix { length: 0 }, 10, None),
            ("first byte of nothing", int(0, None), 0, None),
            ("suffix of nothing", Range::Suffix { length: 1 }, 0, None),
            ("largest number", int(0, Some(u64::MAX)), 10, Some(0..10)),
        ];
        for (case, range, size, expected) in cases {
            assert_eq!(satisfy(&range, size).ok(), expected, "{case}");
        }
    }
}
