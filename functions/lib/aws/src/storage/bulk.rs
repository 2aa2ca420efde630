//! Many objects at once: listing, looking, deleting in batches, for work that nobody waits for. It is more patient with
//! an S3 that is busy (`SlowDown`, 503) than requests that a client waits for.

use std::{collections::HashMap, time::Duration};

use aws_sdk_s3::{
    Config,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
    operation::delete_objects::DeleteObjectsOutput,
    primitives::DateTime,
    types::{Delete, MultipartUpload, Object, ObjectIdentifier},
};
use satchel_core::{date_time, object_key::Key, time::Timestamp};
use satchel_store::{Doomed, Fate, Inventory, Listed, Looked, Page, Unfinished, Upkeep, report::Report};

use super::{Storage, StorageError, back_off, error::OfS3, failed, read_metadata, report::S3Parts, status};

const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// All tries of one request together.
const DEADLINE: Duration = Duration::from_secs(40);

/// How often keys that S3 was too busy for are tried again within a batch.
const BATCH_TRIES: u32 = 4;
/// Its codes for that.
const BUSY: [&str; 5] = ["InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted"];
/// The object is another than the ETag says, or gone (AWS: "How to perform conditional deletes").
const CHANGED: [&str; 3] = ["PreconditionFailed", "NoSuchKey", "ConditionalRequestConflict"];

impl Inventory for Storage {
    async fn list(&self, prefix: &str, from: Option<String>) -> Result<Page<Listed>, StorageError> {
        let list = self.client.list_objects_v2().bucket(&*self.bucket).prefix(prefix).set_continuation_token(from);
        let listed = list.customize().config_override(patient()).send().await;
        let listed = listed.map_err(|error| failed("ListObjectsV2", &error))?;
        let next = listed.next_continuation_token.filter(|_| listed.is_truncated == Some(true));
        Ok(Page { entries: listed.contents.unwrap_or_default().into_iter().filter_map(of_listing).collect(), next })
    }

    async fn look(&self, key: &str) -> Result<Option<Looked>, StorageError> {
        let head = self.client.head_object().bucket(&*self.bucket).key(key).customize();
        match head.config_override(patient()).send().await {
            Ok(head) => Ok(Some(Looked {
                listed: Listed {
                    key: key.to_owned(),
                    size: head.content_length.unwrap_or_default().unsigned_abs(),
                    stored: timestamp(head.last_modified),
                    etag: head.e_tag.clone(),
                },
                metadata: read_metadata(head.metadata.as_ref()),
            })),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(failed("HeadObject", &error)),
        }
    }

    async fn delete(&self, doomed: &[Doomed]) -> Result<Vec<Fate>, StorageError> {
        let mut fates = vec![Fate::Changed; doomed.len()];
        let mut waiting: Vec<usize> = (0..doomed.len()).collect();
        for attempt in 0..BATCH_TRIES {
            if waiting.is_empty() {
                break;
            }
            back_off(attempt).await;
            let answer = self.delete_once(waiting.iter().map(|at| &doomed[*at])).await?;
            let mut busy = Vec::new();
            for at in waiting {
                let (is_busy, fate) = answer.fate(&doomed[at].key);
                fates[at] = fate;
                if is_busy {
                    busy.push(at);
                }
            }
            waiting = busy;
        }
        Ok(fates)
    }
}

impl Upkeep for Storage {
    type Parts = S3Parts;

    async fn unfinished(&self, from: Option<&Unfinished>) -> Result<(Vec<Unfinished>, bool), StorageError> {
        let list = self.client.list_multipart_uploads().bucket(&*self.bucket);
        let list = list.set_key_marker(from.map(|upload| upload.key.clone()));
        let list = list.set_upload_id_marker(from.map(|upload| upload.id.clone()));
        let listed = list.customize().config_override(patient()).send().await;
        let listed = listed.map_err(|error| failed("ListMultipartUploads", &error))?;
        let more = listed.is_truncated == Some(true);
        Ok((listed.uploads.unwrap_or_default().into_iter().filter_map(of_uploads).collect(), more))
    }

    async fn stored_parts(&self, upload: &Unfinished) -> Result<u64, StorageError> {
        let (mut bytes, mut from) = (0_u64, None);
        loop {
            let list = self.client.list_parts().bucket(&*self.bucket).key(&upload.key).upload_id(&upload.id);
            let list = list.set_part_number_marker(from).customize().config_override(patient());
            let listed = match list.send().await {
                Ok(listed) => listed,
                Err(error) if status(&error) == Some(404) => return Ok(0),
                Err(error) => return Err(failed("ListParts", &error)),
            };
            let sizes = listed.parts().iter().map(|part| part.size.unwrap_or_default().unsigned_abs());
            bytes = sizes.fold(bytes, u64::saturating_add);
            from = listed.next_part_number_marker.filter(|_| listed.is_truncated == Some(true));
            if from.is_none() {
                return Ok(bytes);
            }
        }
    }

    async fn abort_unfinished(&self, upload: &Unfinished) -> Result<bool, StorageError> {
        let abort = self.client.abort_multipart_upload().bucket(&*self.bucket).key(&upload.key).upload_id(&upload.id);
        match abort.customize().config_override(patient()).send().await {
            Ok(_) => Ok(true),
            Err(error) if status(&error) == Some(404) => Ok(false),
            Err(error) => Err(failed("AbortMultipartUpload", &error)),
        }
    }

    fn report(&self, key: Key) -> Report<S3Parts> {
        Report::new(S3Parts::new(self.clone(), key))
    }
}

impl Storage {
    async fn delete_once(&self, keys: impl Iterator<Item = &Doomed>) -> Result<BatchAnswer, StorageError> {
        let identifier =
            |Doomed { key, etag }: &Doomed| ObjectIdentifier::builder().key(key).set_e_tag(etag.clone()).build();
        let objects = keys.map(identifier).collect::<Result<Vec<_>, _>>().map_err(|error| unbuilt(&error))?;
        let delete = Delete::builder().set_objects(Some(objects)).build().map_err(|error| unbuilt(&error))?;
        let deleted = self.client.delete_objects().bucket(&*self.bucket).delete(delete).customize();
        let deleted = deleted.config_override(patient()).send().await;
        Ok(BatchAnswer::of(deleted.map_err(|error| failed("DeleteObjects", &error))?))
    }
}

/// What S3 said of each key of a batch: nothing where it is deleted, else code and message.
struct BatchAnswer(HashMap<String, Option<(String, String)>>);

impl BatchAnswer {
    fn of(answer: DeleteObjectsOutput) -> Self {
        let deleted = answer.deleted.unwrap_or_default().into_iter().filter_map(|deleted| Some((deleted.key?, None)));
        let refused = answer.errors.unwrap_or_default().into_iter().filter_map(|error| {
            let said = (error.code.unwrap_or_default(), error.message.unwrap_or_default());
            Some((error.key?, Some(said)))
        });
        Self(deleted.chain(refused).collect())
    }

    /// Whether it is worth another try, and what there is to say until then.
    fn fate(&self, key: &str) -> (bool, Fate) {
        match self.0.get(key) {
            Some(None) => (false, Fate::Deleted),
            Some(Some((code, _))) if CHANGED.contains(&code.as_str()) => (false, Fate::Changed),
            Some(Some((code, message))) => (BUSY.contains(&code.as_str()), Fate::Failed(format!("{code}: {message}"))),
            None => (false, Fate::Failed("S3's answer does not mention it".into())),
        }
    }
}

/// Waits and tries again where S3 is busy or does not answer.
pub(super) fn patient() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(DEADLINE);
    let retry = RetryConfig::standard().with_max_attempts(TRIES);
    let retry = retry.with_initial_backoff(FIRST_PAUSE).with_max_backoff(LONGEST_PAUSE);
    Config::builder().timeout_config(timeouts.build()).retry_config(retry)
}

fn of_listing(object: Object) -> Option<Listed> {
    Some(Listed {
        key: object.key?,
        size: object.size.unwrap_or_default().unsigned_abs(),
        stored: timestamp(object.last_modified),
        etag: object.e_tag,
    })
}

fn of_uploads(upload: MultipartUpload) -> Option<Unfinished> {
    Some(Unfinished { key: upload.key?, id: upload.upload_id?, begun: timestamp(upload.initiated) })
}

/// A store that does not tell how old something is must not lose it: then it is as young as can be.
fn timestamp(at: Option<DateTime>) -> Timestamp {
    at.and_then(|at| u64::try_from(at.secs()).ok()).map_or(date_time::LAST, Timestamp::from_seconds)
}

/// Only without a key, which every one of ours has.
fn unbuilt(error: &aws_sdk_s3::error::BuildError) -> StorageError {
    StorageError::of("DeleteObjects", error.to_string())
}
