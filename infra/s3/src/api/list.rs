//! `ListObjectsV2`, `ListObjects` and `ListMultipartUploads`.

use s3s::dto::{
    CommonPrefix, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsInput, ListObjectsOutput,
    ListObjectsV2Input, ListObjectsV2Output, MultipartUpload, Object, ObjectStorageClass,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};
use satchel_folder::{ObjectHead, Page, Query, StoreError, UploadRecord};
use tokio::task::spawn_blocking;

use super::error::OrS3;
use super::headers::{etag, signed, timestamp};
use super::service::Api;
use super::tokens::{Encoding, seal, unseal};

/// S3's limit for a page.
const MAX_PAGE: i32 = 1000;

pub(super) async fn v2(api: &Api, request: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = request.input;
    let encoding = Encoding::parse(input.encoding_type.as_ref())?;
    let max_keys = limit(input.max_keys)?;
    let after = match &input.continuation_token {
        Some(token) => Some(unseal(token)?),
        None => input.start_after.clone(),
    };
    let query = query(input.prefix.clone(), input.delimiter.clone(), after, max_keys)?;
    let page = objects(api, input.bucket.clone(), query).await?;
    Ok(S3Response::new(ListObjectsV2Output {
        key_count: Some(i32::try_from(page.entries.len() + page.prefixes.len()).map_err(S3Error::internal_error)?),
        max_keys: Some(max_keys),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_deref().map(seal),
        contents: Some(contents(page.entries, encoding)?),
        common_prefixes: Some(prefixes(page.prefixes, encoding)),
        name: Some(input.bucket),
        prefix: Some(encoding.write(input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.map(|delimiter| encoding.write(delimiter)),
        start_after: input.start_after.map(|key| encoding.write(key)),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        ..ListObjectsV2Output::default()
    }))
}

pub(super) async fn v1(api: &Api, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
    let input = request.input;
    let encoding = Encoding::parse(input.encoding_type.as_ref())?;
    let max_keys = limit(input.max_keys)?;
    let query = query(input.prefix.clone(), input.delimiter.clone(), input.marker.clone(), max_keys)?;
    let page = objects(api, input.bucket.clone(), query).await?;
    Ok(S3Response::new(ListObjectsOutput {
        max_keys: Some(max_keys),
        is_truncated: Some(page.next.is_some()),
        // S3 sends it only with a delimiter; without, it is the last key, and sending it does no harm.
        next_marker: page.next.map(|key| encoding.write(key)),
        contents: Some(contents(page.entries, encoding)?),
        common_prefixes: Some(prefixes(page.prefixes, encoding)),
        name: Some(input.bucket),
        prefix: Some(encoding.write(input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.map(|delimiter| encoding.write(delimiter)),
        marker: Some(encoding.write(input.marker.unwrap_or_default())),
        encoding_type: input.encoding_type,
        ..ListObjectsOutput::default()
    }))
}

pub(super) async fn uploads(
    api: &Api,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = request.input;
    let encoding = Encoding::parse(input.encoding_type.as_ref())?;
    let max_uploads = limit(input.max_uploads)?;
    let query = query(input.prefix.clone(), input.delimiter.clone(), input.key_marker.clone(), max_uploads)?;
    let page = uploads_page(api, input.bucket.clone(), query, input.upload_id_marker.clone()).await?;
    // The last entry's id goes with the marker only where the page ended on an entry, not on a common prefix.
    let last = page.entries.last().filter(|(key, _)| page.next.as_ref() == Some(key));
    let next_id = last.map(|(_, (id, _))| id.clone());
    Ok(S3Response::new(ListMultipartUploadsOutput {
        max_uploads: Some(max_uploads),
        is_truncated: Some(page.next.is_some()),
        next_key_marker: page.next.map(|key| encoding.write(key)),
        next_upload_id_marker: next_id,
        uploads: Some(page.entries.into_iter().map(|(key, upload)| under_way(key, upload, encoding)).collect()),
        common_prefixes: Some(prefixes(page.prefixes, encoding)),
        bucket: Some(input.bucket),
        prefix: Some(encoding.write(input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.map(|delimiter| encoding.write(delimiter)),
        key_marker: Some(encoding.write(input.key_marker.unwrap_or_default())),
        upload_id_marker: input.upload_id_marker,
        encoding_type: input.encoding_type,
        ..ListMultipartUploadsOutput::default()
    }))
}

/// Page sizes above the limit are cut, as S3 does.
pub(super) fn limit(asked: Option<i32>) -> S3Result<i32> {
    match asked {
        None => Ok(MAX_PAGE),
        Some(asked) if asked < 0 => Err(s3_error!(InvalidArgument, "a page size must not be negative")),
        Some(asked) => Ok(asked.min(MAX_PAGE)),
    }
}

fn query(prefix: Option<String>, delimiter: Option<String>, after: Option<String>, limit: i32) -> S3Result<Query> {
    Ok(Query {
        prefix: prefix.unwrap_or_default(),
        delimiter: delimiter.unwrap_or_default(),
        after: after.filter(|after| !after.is_empty()),
        limit: usize::try_from(limit).map_err(S3Error::internal_error)?,
    })
}

/// On a blocking thread: a page may touch a thousand places of the index.
async fn objects(api: &Api, bucket: String, query: Query) -> S3Result<Page<ObjectHead>> {
    let store = api.store.clone();
    let page = spawn_blocking(move || store.list_objects(&bucket, &query)).await;
    page.map_err(StoreError::from).and_then(|page| page).or_s3()
}

async fn uploads_page(
    api: &Api,
    bucket: String,
    query: Query,
    after_id: Option<String>,
) -> S3Result<Page<(String, UploadRecord)>> {
    let store = api.store.clone();
    let page = spawn_blocking(move || store.list_uploads(&bucket, &query, after_id.as_deref())).await;
    page.map_err(StoreError::from).and_then(|page| page).or_s3()
}

fn contents(entries: Vec<(String, ObjectHead)>, encoding: Encoding) -> S3Result<Vec<Object>> {
    let object = |(key, head): (String, ObjectHead)| {
        Ok(Object {
            e_tag: Some(etag(&head.etag)),
            key: Some(encoding.write(key)),
            last_modified: Some(timestamp(head.modified)),
            size: Some(signed(head.size)?),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Object::default()
        })
    };
    entries.into_iter().map(object).collect()
}

fn prefixes(prefixes: Vec<String>, encoding: Encoding) -> Vec<CommonPrefix> {
    prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(encoding.write(prefix)) }).collect()
}

fn under_way(key: String, (id, record): (String, UploadRecord), encoding: Encoding) -> MultipartUpload {
    MultipartUpload {
        initiated: Some(timestamp(record.initiated)),
        key: Some(encoding.write(key)),
        upload_id: Some(id),
        ..MultipartUpload::default()
    }
}
