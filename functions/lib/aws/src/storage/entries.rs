//! The index of expiries, written with each upload that needs an entry.

use satchel_core::{expiry::Entry, grant::Grant};
use satchel_telemetry::{
    level::Level,
    line::{Line, REASON},
};

use super::{Storage, StorageError, failed};
use crate::log::Seen;

impl Storage {
    /// Stores an upload through `write` and, where it expires before a lifecycle rule would delete it, its entry in
    /// the index of expiries: side by side. Both are there when this gives success, with one exception: where a rule
    /// deletes the object in the end, an entry that fails does not make the upload fail. Where nothing else would
    /// ever delete the object, the entry is written first.
    ///
    /// A `write` that comes to nothing leaves its entry, which may be the very one of the upload that was faster:
    /// `expire` looks at the object before it believes an entry.
    ///
    /// # Errors
    /// What `write` fails with; the entry could not be written and no rule would delete the object.
    pub(crate) async fn indexed<T, E: From<StorageError>>(
        &self,
        grant: &Grant,
        write: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(entry) = Entry::of(grant, &self.retention, self.clock.now()) else { return write.await };
        if self.retention.of(grant.path.purpose()).is_none() {
            self.write_entry(&entry).await?;
            return write.await;
        }
        let (noted, written) = tokio::join!(self.write_entry(&entry), write);
        if let Err(error) = noted {
            self.notices.write(&unindexed(&error));
        }
        written
    }

    async fn write_entry(&self, entry: &Entry) -> Result<(), StorageError> {
        let put = self.client.put_object().bucket(&*self.bucket).key(entry.key().as_str());
        put.send().await.map(|_| ()).map_err(|error| failed("PutObject", &error))
    }
}

/// An upload without its entry is no failure of a request, and still must be known.
fn unindexed(error: &StorageError) -> Line {
    let reason = format!("an upload has no entry in the index of expiries, its lifecycle rule will delete it: {error}");
    Seen::of_event("storage", String::new()).notice(Level::Warn, "entry_missing", vec![(REASON.into(), reason.into())])
}
