//! Buckets and their configurations.

use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::OrS3;
use super::headers::timestamp;
use super::service::Api;
use super::tokens::{seal, unseal};

/// The region that `GetBucketLocation` names by an empty answer.
const UNNAMED_REGION: &str = "us-east-1";
/// S3's limit for a page of buckets.
const MAX_BUCKETS: usize = 10_000;

pub(super) async fn create(
    api: &Api,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let name = request.input.bucket;
    api.store.create_bucket(&name).await.or_s3()?;
    Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{name}")) }))
}

pub(super) async fn delete(
    api: &Api,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    api.store.delete_bucket(&request.input.bucket).await.or_s3()?;
    Ok(S3Response::new(DeleteBucketOutput::default()))
}

pub(super) async fn head(api: &Api, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
    api.store.bucket(&request.input.bucket).or_s3()?;
    let bucket_region = Some(api.region.clone());
    Ok(S3Response::new(HeadBucketOutput { bucket_region, ..HeadBucketOutput::default() }))
}

/// In pages, where the client wants them; a page goes on after the name that its token is.
pub(super) async fn list(api: &Api, request: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
    let input = request.input;
    let most = match input.max_buckets {
        None => usize::MAX,
        Some(most) => usize::try_from(most)
            .ok()
            .filter(|most| (1..=MAX_BUCKETS).contains(most))
            .ok_or_else(|| s3_error!(InvalidArgument, "max-buckets must be from 1 to {MAX_BUCKETS}"))?,
    };
    let after = input.continuation_token.as_deref().map(unseal).transpose()?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let mut names = api.store.buckets().or_s3()?;
    names.retain(|(name, _)| name.starts_with(&prefix) && after.as_ref().is_none_or(|after| name > after));
    let last = names.get(most - 1).filter(|_| names.len() > most).map(|(name, _)| seal(name));
    let buckets = names.into_iter().take(most).map(|(name, record)| Bucket {
        creation_date: Some(timestamp(record.created)),
        name: Some(name),
        ..Bucket::default()
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        continuation_token: last,
        prefix: input.prefix,
        ..ListBucketsOutput::default()
    }))
}

pub(super) async fn location(
    api: &Api,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    api.store.bucket(&request.input.bucket).or_s3()?;
    let named = Some(api.region.clone()).filter(|region| region != UNNAMED_REGION);
    let location_constraint = named.map(BucketLocationConstraint::from);
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}

pub(super) async fn put_cors(
    api: &Api,
    request: S3Request<PutBucketCorsInput>,
) -> S3Result<S3Response<PutBucketCorsOutput>> {
    let input = request.input;
    if input.cors_configuration.cors_rules.is_empty() {
        return Err(s3_error!(MalformedXML, "a CORS configuration needs a rule"));
    }
    let json = write(&input.cors_configuration)?;
    api.store.configure_bucket(&input.bucket, |record| record.cors = Some(json)).await.or_s3()?;
    Ok(S3Response::new(PutBucketCorsOutput::default()))
}

pub(super) async fn get_cors(
    api: &Api,
    request: S3Request<GetBucketCorsInput>,
) -> S3Result<S3Response<GetBucketCorsOutput>> {
    let record = api.store.bucket(&request.input.bucket).or_s3()?;
    let json = record.cors.ok_or_else(|| s3_error!(NoSuchCORSConfiguration))?;
    let cors_rules = Some(read::<CORSConfiguration>(&json)?.cors_rules);
    Ok(S3Response::new(GetBucketCorsOutput { cors_rules }))
}

pub(super) async fn delete_cors(
    api: &Api,
    request: S3Request<DeleteBucketCorsInput>,
) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
    api.store.configure_bucket(&request.input.bucket, |record| record.cors = None).await.or_s3()?;
    Ok(S3Response::new(DeleteBucketCorsOutput::default()))
}

/// How configurations are kept.
pub(super) fn write<T: Serialize>(configuration: &T) -> S3Result<String> {
    serde_json::to_string(configuration).map_err(S3Error::internal_error)
}

/// Reads back what [`write()`] wrote.
pub(super) fn read<T: DeserializeOwned>(json: &str) -> S3Result<T> {
    serde_json::from_str(json).map_err(S3Error::internal_error)
}
