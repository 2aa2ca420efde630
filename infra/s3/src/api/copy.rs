//! `CopyObject` and `UploadPartCopy`.

use http::HeaderMap;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, MetadataDirective, Range,
    UploadPartCopyInput, UploadPartCopyOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};
use satchel_folder::{Address, UploadAddress};

use super::conditions;
use super::digests::{Announced, Digests};
use super::error::OrS3;
use super::headers::{etag, set_checksum, stored, timestamp};
use super::multipart::part_number;
use super::service::Api;

pub(super) async fn copy(api: &Api, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
    let S3Request { input, headers, .. } = request;
    let from = source(input.copy_source)?;
    let to = Address { bucket: input.bucket, key: input.key };
    // s3s 0.14 leaves the conditions on the destination out of its input: they come from the raw headers.
    let condition = conditions::on_write(&headers)?;
    let replace = replaces(input.metadata_directive.as_ref())?;
    if from == to && !replace {
        return Err(s3_error!(InvalidRequest, "a copy of an object onto itself must replace its metadata"));
    }
    let new_headers = if replace { Some(stored(&headers, input.metadata)?) } else { None };
    let found = api.store.find(&from).or_s3()?;
    conditions::on_read(&headers, &conditions::COPY_SOURCE, found.head(), &HeaderMap::new())?;
    api.store.check_write(&to, &condition).or_s3()?;
    let head = api.store.copy(found, to, new_headers, condition).await.or_s3()?;
    let mut result = CopyObjectResult {
        e_tag: Some(etag(&head.etag)),
        last_modified: Some(timestamp(head.modified)),
        ..CopyObjectResult::default()
    };
    set_checksum!(result, head.checksum.as_ref());
    Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() }))
}

fn replaces(directive: Option<&MetadataDirective>) -> S3Result<bool> {
    match directive.map(MetadataDirective::as_str) {
        None | Some(MetadataDirective::COPY) => Ok(false),
        Some(MetadataDirective::REPLACE) => Ok(true),
        Some(_) => Err(s3_error!(InvalidArgument, "unknown metadata directive")),
    }
}

fn source(source: CopySource) -> S3Result<Address> {
    match source {
        CopySource::Bucket { bucket, key, version_id } if version_id.as_deref().is_none_or(|id| id == "null") => {
            Ok(Address { bucket: bucket.into(), key: key.into() })
        }
        CopySource::Bucket { .. } => Err(s3_error!(NoSuchVersion)),
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
            Err(s3_error!(NotImplemented, "access points are not implemented"))
        }
    }
}

/// Copies the bytes: a part may be any range of the source, and blobs are whole files.
pub(super) async fn part(
    api: &Api,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let S3Request { input, headers, .. } = request;
    let number = part_number(input.part_number)?;
    let object = Address { bucket: input.bucket, key: input.key };
    let at = UploadAddress { object, id: input.upload_id };
    api.store.upload(&at).or_s3()?;
    let found = api.store.find(&source(input.copy_source)?).or_s3()?;
    conditions::on_read(&headers, &conditions::COPY_SOURCE, found.head(), &HeaderMap::new())?;
    let range = match input.copy_source_range {
        None => 0..found.head().size,
        Some(range) => exact(&range, found.head().size)?,
    };
    let announced = Announced { length: range.end - range.start, ..Announced::default() };
    let body = api.store.read(found, range).await.or_s3()?;
    let (body, digests) = api.store.receive(body, announced.length, Digests::of(&announced)).await.or_s3()?;
    let part = api.store.put_part(at, number, digests.check(&announced).or_s3()?, body).await.or_s3()?;
    let result = CopyPartResult {
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(timestamp(part.modified)),
        ..CopyPartResult::default()
    };
    Ok(S3Response::new(UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() }))
}

/// A copied range must be given in full and lie within the source.
fn exact(range: &str, size: u64) -> S3Result<std::ops::Range<u64>> {
    match Range::parse(range) {
        Ok(Range::Int { first, last: Some(last) }) if last < size => Ok(first..last + 1),
        _ => Err(s3_error!(InvalidRange, "x-amz-copy-source-range must lie within the source")),
    }
}
