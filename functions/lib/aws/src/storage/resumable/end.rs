//! Ending an upload before its last byte, or the file that it has become.

use super::{Abandoned, Partial, Storage, StorageError, multipart::Multipart};

/// How often chunks of an upload may come between it and its end.
const END_TRIES: u32 = 5;

impl Storage {
    /// A file of another upload stays, and what the index of expiries says of this one: `expire` looks for the file before
    /// it believes that.
    pub(super) async fn end(&self, upload: Partial<'_>) -> Result<Abandoned, StorageError> {
        let was_under_way = match upload.name {
            Some(id) => match self.give_up(Multipart { grant: upload.grant, id }).await? {
                Abandoned::Overtaken => return Ok(Abandoned::Overtaken),
                given_up => given_up == Abandoned::Done,
            },
            None => false,
        };
        // Its last chunk may have come in between.
        let file = self.ended(upload.grant).await?;
        if let Some(stored) = &file {
            self.delete_stored(&upload.grant.path, stored).await?;
        }
        Ok(if was_under_way || file.is_some() { Abandoned::Done } else { Abandoned::Gone })
    }

    /// Ends an upload that is under way.
    async fn give_up(&self, upload: Multipart<'_>) -> Result<Abandoned, StorageError> {
        let mut known = self.progress(upload).await?;
        if known.is_none() {
            return Ok(Abandoned::Gone);
        }
        // First what says that there is an upload: nothing is acknowledged to one whose parts are gone. A chunk may have
        // come in between.
        for _ in 0..END_TRIES {
            let Some(found) = &known else { break };
            let discarded = self.discard_incomplete(&upload.grant.path, &found.version).await?;
            known = if discarded.is_ok() { None } else { self.progress(upload).await? };
        }
        if known.is_some() {
            return Ok(Abandoned::Overtaken);
        }
        self.abort(upload).await?;
        Ok(Abandoned::Done)
    }
}
