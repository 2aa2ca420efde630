//! S3's operations on a store, in s3s's types. What is not here answers `NotImplemented`.

mod buckets;
mod conditions;
mod copy;
mod delete;
mod digests;
pub(crate) mod error;
mod get;
mod headers;
mod lifecycle;
mod list;
mod multipart;
mod put;
mod rules;
mod service;
mod tokens;
pub(crate) mod watched;

use async_trait::async_trait;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use error::OrS3;
pub(crate) use service::Api;
use watched::Watched;

/// Each operation is a function in the module of its family; this is only the table. None is called for a body that is not
/// the one that was announced.
macro_rules! operations {
    ($($name:ident($input:ident) -> $output:ident = $module:ident::$function:ident;)*) => {
        #[async_trait]
        impl S3 for Api {
            $(async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                request.extensions.get().map_or(Ok(()), Watched::check).or_s3()?;
                $module::$function(self, request).await
            })*
        }
    };
}

operations! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput = buckets::create;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput = buckets::delete;
    head_bucket(HeadBucketInput) -> HeadBucketOutput = buckets::head;
    list_buckets(ListBucketsInput) -> ListBucketsOutput = buckets::list;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput = buckets::location;
    put_bucket_cors(PutBucketCorsInput) -> PutBucketCorsOutput = buckets::put_cors;
    get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput = buckets::get_cors;
    delete_bucket_cors(DeleteBucketCorsInput) -> DeleteBucketCorsOutput = buckets::delete_cors;
    put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput)
        -> PutBucketLifecycleConfigurationOutput = lifecycle::put;
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput)
        -> GetBucketLifecycleConfigurationOutput = lifecycle::get;
    delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput = lifecycle::delete;
    put_object(PutObjectInput) -> PutObjectOutput = put::put;
    get_object(GetObjectInput) -> GetObjectOutput = get::get;
    head_object(HeadObjectInput) -> HeadObjectOutput = get::head;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput = get::tagging;
    copy_object(CopyObjectInput) -> CopyObjectOutput = copy::copy;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput = delete::one;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput = delete::many;
    list_objects(ListObjectsInput) -> ListObjectsOutput = list::v1;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output = list::v2;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput = multipart::create;
    upload_part(UploadPartInput) -> UploadPartOutput = multipart::upload_part;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput = copy::part;
    list_parts(ListPartsInput) -> ListPartsOutput = multipart::list_parts;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput = list::uploads;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput = multipart::complete;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput = multipart::abort;
}
