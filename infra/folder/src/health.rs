//! How the store is, for those who watch over it.

use tokio::task::spawn_blocking;

use crate::error::StoreError;
use crate::folder::Store;
use crate::label::Label;
use crate::watch::{Part, Trouble};

/// Whether the store can do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Bytes that can still be written; `None` where the system does not say.
    pub free: Option<u64>,
    /// Why nothing can be stored, with what the system says.
    pub trouble: Option<(Trouble, String)>,
    /// Damaged objects that were met since the start.
    pub damaged: usize,
}

impl Store {
    /// How the store is. Where its last write failed, another one is tried.
    pub async fn health(&self) -> Health {
        let free = self.room().free().ok();
        if self.watch().trouble().is_some() {
            // What comes of it is noted by the watch.
            let _ = self.probe().await;
        }
        let failed = self.writer().apply(|_| Ok(Ok(()))).await.err();
        let error = failed.or_else(|| self.room().admit(0).err());
        let known = self.watch().trouble();
        let trouble = match error.map(|error| (Trouble::of(&error), error.to_string())) {
            Some((Some(trouble), cause)) => Some((trouble, cause)),
            // A writer that has ended is no trouble of the disk's, and nothing can be stored all the same.
            Some((None, cause)) => known.or(Some((Trouble::Failing, cause))),
            None => known,
        };
        Health { free, trouble, damaged: self.watch().damaged_count() }
    }

    /// Writes a file and a row.
    async fn probe(&self) -> Result<(), StoreError> {
        let blobs = self.blobs().clone();
        let write = move || {
            let mut draft = blobs.begin()?;
            draft.append(b"probe")?;
            draft.finish(&Label::Part { upload: String::new(), number: 0 }).map(drop)
        };
        let written = spawn_blocking(write).await?;
        self.noting(written.map_err(StoreError::from))?;
        let now = i64::try_from(self.now()).unwrap_or(i64::MAX);
        self.writer().apply(move |tables| Ok(Ok(tables.rows.set("probe", &now)?))).await?;
        if self.room().admit(0).is_ok() {
            self.watch().worked(Part::Files);
        }
        Ok(())
    }
}
