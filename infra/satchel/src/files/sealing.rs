//! What clients of the folder's S3 put under `incoming/`. Making it a file links its bytes to another name.

use satchel_core::{
    grant::Grant,
    metadata::Metadata,
    object_key::{Key, StoredObject},
    upload_path::UploadPath,
};
use satchel_folder::{ObjectHead, Query, Refusal, StoreError as FolderError, WriteCondition};
use satchel_store::{Incoming, Kind, Promotion, Sealing, StoreError};

use super::{
    bucket::{FOLDER, Files, absent, failed},
    objects::headers,
};

/// As many as S3 lists at once.
const WAITING: usize = 1_000;

impl Sealing for Files {
    async fn incoming(&self, path: &UploadPath) -> Result<Vec<Incoming>, StoreError> {
        let waiting = Query { prefix: StoredObject::incoming_prefix(path), limit: WAITING, ..Query::default() };
        let waiting = self.store.list_objects(&self.bucket, &waiting).map_err(|error| failed("listing", &error))?;
        let mut waiting = waiting.entries;
        waiting.sort_by_key(|(_, head)| head.modified);
        Ok(waiting.iter().filter_map(|(key, head)| incoming(key, head)).filter(|it| it.grant.path == *path).collect())
    }

    async fn promote(&self, incoming: &Incoming) -> Result<Promotion, StoreError> {
        let Incoming { grant, etag, .. } = incoming;
        let waiting = self.store.find(&self.at(&waiting_key(grant)?));
        let Some(waiting) = absent(waiting).map_err(|error| failed("lookup", &error))? else {
            return Ok(Promotion::Refused);
        };
        // S3's events name it without the quotes that its answers have.
        if waiting.head().etag != etag.trim_matches('"') {
            return Ok(Promotion::Refused);
        }
        let entry = self.entry_of(grant);
        let (at, absent) = (self.at(&Key::of_upload(&grant.path)), WriteCondition { absent: true, matches: None });
        match self.store.copy_beside(waiting, at, Some(headers(grant, &Metadata::of(grant))), absent, entry).await {
            Ok(_) => Ok(Promotion::Promoted),
            Err(FolderError::Refused(Refusal::PreconditionFailed { .. })) => Ok(Promotion::Refused),
            Err(error) => Err(failed("copy", &error)),
        }
    }

    async fn discard(&self, grant: &Grant) -> Result<(), StoreError> {
        self.drop_key(&waiting_key(grant)?).await.map(|_| ())
    }
}

/// A grant whose key is too long waits nowhere.
fn waiting_key(grant: &Grant) -> Result<Key, StoreError> {
    Key::of_grant(grant).map_err(|error| StoreError {
        store: FOLDER,
        operation: "key",
        cause: error.to_string(),
        kind: Kind::Unavailable,
    })
}

fn incoming(key: &str, head: &ObjectHead) -> Option<Incoming> {
    let Some(StoredObject::Incoming(grant)) = StoredObject::parse(key) else { return None };
    Some(Incoming { grant: *grant, size: head.size, etag: format!("\"{}\"", head.etag) })
}
