//! `DeleteObject` and `DeleteObjects`.

use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag, Error,
    ObjectIdentifier,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};
use satchel_folder::{Address, Refusal};

use super::conditions::strong;
use super::error::{OrS3, refused};
use super::get::refuse_version;
use super::service::Api;

/// S3's limit for one batch.
const MAX_KEYS: usize = 1000;

pub(super) async fn one(api: &Api, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
    let S3Request { input, headers, .. } = request;
    refuse_version(input.version_id.as_deref())?;
    let matches = headers.get("if-match").and_then(|tag| tag.to_str().ok()).map(strong);
    api.store.delete(Address { bucket: input.bucket, key: input.key }, matches).await.or_s3()?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

pub(super) async fn many(
    api: &Api,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let input = request.input;
    let quiet = input.delete.quiet.unwrap_or_default();
    let objects = input.delete.objects;
    if objects.is_empty() || objects.len() > MAX_KEYS {
        return Err(s3_error!(MalformedXML, "1 to {MAX_KEYS} keys may be deleted at once"));
    }
    objects.iter().try_for_each(check)?;
    // A weak tag is no object's.
    let strong = |tag: &ETag| tag.as_strong().map_or_else(|| "W/".to_owned(), str::to_owned);
    let condition = |object: &ObjectIdentifier| object.e_tag.as_ref().map(strong);
    let keys: Vec<_> = objects.iter().map(|object| (object.key.clone(), condition(object))).collect();
    let outcomes = api.store.delete_all(input.bucket, keys).await.or_s3()?;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (object, outcome) in objects.into_iter().zip(outcomes) {
        match outcome {
            Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() }),
            Err(refusal) => errors.push(not_deleted(object.key, &refusal)),
        }
    }
    let deleted = Some(deleted).filter(|_| !quiet);
    Ok(S3Response::new(DeleteObjectsOutput { deleted, errors: Some(errors), ..DeleteObjectsOutput::default() }))
}

/// Conditions that are not known here must not be left out: the object would go whatever they say.
fn check(object: &ObjectIdentifier) -> S3Result<()> {
    refuse_version(object.version_id.as_deref())?;
    if object.last_modified_time.is_some() || object.size.is_some() {
        return Err(s3_error!(NotImplemented, "Of conditions, DeleteObjects implements ETag only"));
    }
    Ok(())
}

fn not_deleted(key: String, refusal: &Refusal) -> Error {
    let error = refused(refusal);
    Error {
        code: Some(error.code().as_str().to_owned()),
        message: error.message().map(str::to_owned),
        key: Some(key),
        version_id: None,
    }
}
