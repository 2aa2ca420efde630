//! What others put under `incoming/`: found, copied to its place, deleted.

use aws_sdk_s3::types::MetadataDirective;
use satchel_core::{
    grant::Grant,
    metadata::Metadata,
    object_key::{Key, StoredObject},
    upload_path::{UploadPath, encode_path},
};
use satchel_store::{Incoming, Promotion, Sealing};

use super::{CONFLICT_TRIES, Storage, StorageError, back_off, failed, pairs, status, waiting_key};
use crate::s3_client::within;

impl Sealing for Storage {
    async fn promote(&self, incoming: &Incoming) -> Result<Promotion, StorageError> {
        self.indexed(&incoming.grant, self.copy(incoming)).await
    }

    async fn incoming(&self, path: &UploadPath) -> Result<Vec<Incoming>, StorageError> {
        let list = self.client.list_objects_v2().bucket(&*self.bucket).delimiter("/");
        let listed = list.prefix(StoredObject::incoming_prefix(path)).send().await;
        let mut objects = listed.map_err(|error| failed("ListObjectsV2", &error))?.contents.unwrap_or_default();
        objects.sort_by_key(|object| object.last_modified);
        Ok(objects.iter().filter_map(incoming).filter(|incoming| incoming.grant.path == *path).collect())
    }

    async fn discard(&self, grant: &Grant) -> Result<(), StorageError> {
        self.delete_key(&waiting_key(grant)?).await
    }
}

impl Storage {
    async fn copy(&self, incoming: &Incoming) -> Result<Promotion, StorageError> {
        let source = format!("{}/{}", self.bucket, encode_path(waiting_key(&incoming.grant)?.as_str()));
        let key = Key::of_upload(&incoming.grant.path);
        for attempt in 0..CONFLICT_TRIES {
            back_off(attempt).await;
            let copy = self.client.copy_object().bucket(&*self.bucket).key(key.as_str());
            let copy = copy.set_if_none_match(self.conditions.absent());
            let copy = copy.copy_source(&source).copy_source_if_match(&incoming.etag);
            let metadata = pairs(&Metadata::of(&incoming.grant));
            let copy = copy.metadata_directive(MetadataDirective::Replace).set_metadata(Some(metadata));
            let copy = copy.content_type(incoming.grant.content_type.as_str()).customize();
            match copy.config_override(within(self.copy_deadline)).send().await {
                Ok(_) => return Ok(Promotion::Promoted),
                Err(error) if status(&error) == Some(409) => {}
                Err(error) if matches!(status(&error), Some(404 | 412)) => return Ok(Promotion::Refused),
                Err(error) => return Err(failed("CopyObject", &error)),
            }
        }
        Ok(Promotion::Refused)
    }
}

fn incoming(object: &aws_sdk_s3::types::Object) -> Option<Incoming> {
    let Some(StoredObject::Incoming(grant)) = StoredObject::parse(object.key.as_deref()?) else { return None };
    let size = object.size.unwrap_or_default().unsigned_abs();
    Some(Incoming { grant: *grant, size, etag: object.e_tag.clone()? })
}
