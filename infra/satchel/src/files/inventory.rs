//! What is in the folder: listed, looked at, deleted; reports, and what interrupted uploads have left.

use satchel_core::{object_key::Key, time::Timestamp};
use satchel_folder::{Address, ObjectHead, Query, Refusal, Store, StoreError as FolderError, UploadAddress};
use satchel_store::{
    BATCH, Doomed, Fate, Inventory, Listed, Looked, Page, StoreError, Unfinished, Upkeep, report::Report,
};

use super::{
    bucket::{Files, absent, failed, stored},
    report::FolderParts,
};

impl Inventory for Files {
    async fn list(&self, prefix: &str, from: Option<String>) -> Result<Page<Listed>, StoreError> {
        let query = Query { prefix: prefix.to_owned(), after: from, limit: BATCH, ..Query::default() };
        let page = self.ask("listing", move |store, bucket| store.list_objects(bucket, &query)).await?;
        Ok(Page { entries: page.entries.into_iter().map(|(key, head)| listed(key, &head)).collect(), next: page.next })
    }

    async fn look(&self, key: &str) -> Result<Option<Looked>, StoreError> {
        let head = absent(self.store.head(&self.under(key))).map_err(|error| failed("lookup", &error))?;
        Ok(head.map(|head| Looked { listed: listed(key.to_owned(), &head), metadata: stored(&head).metadata }))
    }

    async fn delete(&self, doomed: &[Doomed]) -> Result<Vec<Fate>, StoreError> {
        let unquoted = |etag: &String| etag.trim_matches('"').to_owned();
        let keys = doomed.iter().map(|doomed| (doomed.key.clone(), doomed.etag.as_ref().map(unquoted))).collect();
        let deleted = self.store.delete_all(self.bucket.to_string(), keys).await;
        let deleted = deleted.map_err(|error| failed("deletion", &error))?;
        Ok(deleted.into_iter().map(fate).collect())
    }
}

fn listed(key: String, head: &ObjectHead) -> Listed {
    let etag = Some(format!("\"{}\"", head.etag));
    Listed { key, size: head.size, stored: Timestamp::from_seconds(head.modified / 1_000), etag }
}

fn fate(deleted: Result<(), Refusal>) -> Fate {
    match deleted {
        Ok(()) => Fate::Deleted,
        Err(Refusal::PreconditionFailed { .. } | Refusal::NoSuchKey) => Fate::Changed,
        Err(refusal) => Fate::Failed(refusal.to_string()),
    }
}

impl Upkeep for Files {
    type Parts = FolderParts;

    async fn unfinished(&self, from: Option<&Unfinished>) -> Result<(Vec<Unfinished>, bool), StoreError> {
        let query = Query { after: from.map(|from| from.key.clone()), limit: BATCH, ..Query::default() };
        let after = from.map(|from| from.id.clone());
        let list = move |store: &Store, bucket: &str| store.list_uploads(bucket, &query, after.as_deref());
        let page = self.ask("listing of uploads", list).await?;
        let unfinished = page.entries.into_iter().map(|(key, (id, record))| Unfinished {
            key,
            id,
            begun: Timestamp::from_seconds(record.initiated / 1_000),
        });
        Ok((unfinished.collect(), page.next.is_some()))
    }

    async fn stored_parts(&self, upload: &Unfinished) -> Result<u64, StoreError> {
        match self.store.parts(&self.upload(upload), 0, usize::MAX) {
            Ok((parts, _)) => Ok(parts.iter().map(|(_, part)| part.size).sum()),
            Err(FolderError::Refused(Refusal::NoSuchUpload)) => Ok(0),
            Err(error) => Err(failed("listing of parts", &error)),
        }
    }

    async fn abort_unfinished(&self, upload: &Unfinished) -> Result<bool, StoreError> {
        match self.store.abort_upload(self.upload(upload)).await {
            Ok(()) => Ok(true),
            Err(FolderError::Refused(Refusal::NoSuchUpload)) => Ok(false),
            Err(error) => Err(failed("end of an upload", &error)),
        }
    }

    fn report(&self, key: Key) -> Report<FolderParts> {
        Report::new(FolderParts::new(self.clone(), key))
    }
}

impl Files {
    fn under(&self, key: &str) -> Address {
        Address { bucket: self.bucket.to_string(), key: key.to_owned() }
    }

    fn upload(&self, upload: &Unfinished) -> UploadAddress {
        UploadAddress { object: self.under(&upload.key), id: upload.id.clone() }
    }
}
