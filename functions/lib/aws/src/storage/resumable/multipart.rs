//! S3's multipart uploads (AWS: "Uploading and copying objects using multipart upload in Amazon S3"): begun with all
//! that the object will carry, completed only where there is no object yet.

use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::list_parts::ListPartsOutput,
    types::{CompletedMultipartUpload, CompletedPart},
};
use satchel_core::{grant::Grant, metadata::Metadata, object_key::Key};
use satchel_store::PartialName;

use super::pieces::Pieces;
use crate::{
    s3_client::{DEADLINE, within},
    storage::{
        CONFLICT_TRIES, OfS3, Storage, StorageError, back_off, failed, pairs, resumable::progress::Progress, status,
    },
};

/// A multipart upload and the object that it is to become.
#[derive(Debug, Clone, Copy)]
pub struct Multipart<'a> {
    /// What was granted.
    pub grant: &'a Grant,
    /// S3's name of it.
    pub id: &'a PartialName,
}

/// The multipart upload is not there (any more): completed, aborted, or ended by the lifecycle rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchUpload;

/// What completing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// The object is in its place, and it is this upload's.
    Completed,
    /// Another object was first. The parts are still there.
    Exists,
    /// There is neither the object nor the multipart upload.
    Gone,
}

impl Storage {
    /// Begins a multipart upload of the object of `grant`, which is to have this metadata.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn begin_multipart(&self, grant: &Grant, metadata: &Metadata) -> Result<PartialName, StorageError> {
        let key = Key::of_upload(&grant.path);
        let create = self.client.create_multipart_upload().bucket(&*self.bucket).key(key.as_str());
        let create = create.content_type(grant.content_type.as_str()).set_metadata(Some(pairs(metadata)));
        let created = create.send().await.map_err(|error| failed("CreateMultipartUpload", &error))?;
        created.upload_id.map(PartialName::new).ok_or_else(|| inconsistent("CreateMultipartUpload", "gave no id"))
    }

    /// Stores a part, in place of one of the same number.
    ///
    /// # Errors
    /// S3 failed; whether the part is stored is unknown then.
    pub async fn upload_part(
        &self,
        upload: Multipart<'_>,
        number: u32,
        bytes: &Pieces,
    ) -> Result<Result<(), NoSuchUpload>, StorageError> {
        let key = Key::of_upload(&upload.grant.path);
        let number = i32::try_from(number).map_err(|_| inconsistent("UploadPart", "has a part number out of range"))?;
        let part = self.client.upload_part().bucket(&*self.bucket).key(key.as_str()).upload_id(upload.id.as_str());
        let part = part.part_number(number).body(bytes.to_stream()).customize().disable_payload_signing();
        match part.config_override(within(DEADLINE)).send().await {
            Ok(_) => Ok(Ok(())),
            Err(error) if is_no_such_upload(&error) => Ok(Err(NoSuchUpload)),
            Err(error) => Err(failed("UploadPart", &error)),
        }
    }

    /// Makes the parts the object, unless there is one already, with its entry in the index of expiries. Safe to repeat.
    ///
    /// # Errors
    /// S3 failed, or has other parts than `progress` says. Whether the object exists is unknown then.
    pub async fn complete(&self, upload: Multipart<'_>, progress: Progress) -> Result<Completion, StorageError> {
        self.indexed(upload.grant, self.completed(upload, progress)).await
    }

    async fn completed(&self, upload: Multipart<'_>, progress: Progress) -> Result<Completion, StorageError> {
        let key = Key::of_upload(&upload.grant.path);
        let Ok(parts) = self.parts(upload, progress).await? else { return self.completion(upload.grant, true).await };
        if !self.conditions.hold() && self.head(&upload.grant.path).await?.is_some() {
            return self.completion(upload.grant, false).await;
        }
        for attempt in 0..CONFLICT_TRIES {
            back_off(attempt).await;
            let complete = self.client.complete_multipart_upload().bucket(&*self.bucket).key(key.as_str());
            let complete = complete.upload_id(upload.id.as_str()).multipart_upload(parts.clone());
            let complete = complete.set_if_none_match(self.conditions.absent());
            match complete.customize().config_override(within(DEADLINE)).send().await {
                Ok(_) => return Ok(Completion::Completed),
                Err(error) if is(&error, 409, "ConditionalRequestConflict") => {}
                Err(error) if is(&error, 412, "PreconditionFailed") => {
                    return self.completion(upload.grant, false).await;
                }
                Err(error) if is_no_such_upload(&error) => return self.completion(upload.grant, true).await,
                Err(error) => return Err(failed("CompleteMultipartUpload", &error)),
            }
        }
        self.completion(upload.grant, false).await
    }

    /// Ends a multipart upload without an object. One that is not there has ended.
    ///
    /// # Errors
    /// S3 failed; the lifecycle rule ends the upload.
    pub async fn abort(&self, upload: Multipart<'_>) -> Result<(), StorageError> {
        let key = Key::of_upload(&upload.grant.path);
        let abort = self.client.abort_multipart_upload().bucket(&*self.bucket).key(key.as_str());
        match abort.upload_id(upload.id.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_no_such_upload(&error) => Ok(()),
            Err(error) => Err(failed("AbortMultipartUpload", &error)),
        }
    }

    /// What S3 has of the upload, ready to be completed.
    async fn parts(
        &self,
        upload: Multipart<'_>,
        progress: Progress,
    ) -> Result<Result<CompletedMultipartUpload, NoSuchUpload>, StorageError> {
        let key = Key::of_upload(&upload.grant.path);
        let list = self.client.list_parts().bucket(&*self.bucket).key(key.as_str()).upload_id(upload.id.as_str());
        let listed = match list.send().await {
            Ok(listed) => listed,
            Err(error) if is_no_such_upload(&error) => return Ok(Err(NoSuchUpload)),
            Err(error) => return Err(failed("ListParts", &error)),
        };
        if !progress.is_made_of(sizes(&listed)) {
            return Err(inconsistent("ListParts", "gave other parts than were stored"));
        }
        let named = listed.parts().iter().map(|part| {
            CompletedPart::builder().set_part_number(part.part_number).set_e_tag(part.e_tag.clone()).build()
        });
        Ok(Ok(CompletedMultipartUpload::builder().set_parts(Some(named.collect())).build()))
    }

    /// Whose object it is, where completing did not say.
    async fn completion(&self, grant: &Grant, is_upload_gone: bool) -> Result<Completion, StorageError> {
        match self.head(&grant.path).await? {
            Some(stored) if stored.is_of(grant) => Ok(Completion::Completed),
            Some(_) => Ok(Completion::Exists),
            None if is_upload_gone => Ok(Completion::Gone),
            None => Err(inconsistent("CompleteMultipartUpload", "was refused, though there is no object")),
        }
    }
}

fn sizes(listed: &ListPartsOutput) -> impl Iterator<Item = (u32, u64)> {
    listed
        .parts()
        .iter()
        .map(|part| (part.part_number.unwrap_or_default().unsigned_abs(), part.size.unwrap_or_default().unsigned_abs()))
}

fn is_no_such_upload<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    is(error, 404, "NoSuchUpload")
}

/// By status or code: an error of CompleteMultipartUpload may come after a status of 200 (AWS:
/// "CompleteMultipartUpload"), and not every store knows every code.
fn is<E: ProvideErrorMetadata>(error: &SdkError<E>, expected: u16, code: &str) -> bool {
    status(error) == Some(expected) || error.code() == Some(code)
}

fn inconsistent(operation: &'static str, cause: &str) -> StorageError {
    StorageError::of(operation, cause)
}
