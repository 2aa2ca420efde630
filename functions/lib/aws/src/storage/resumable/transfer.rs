//! The upload itself: chunks become parts, parts become the file.

use super::{
    Partial, Pieces, Standing, Stop, Storage, StorageError,
    incomplete::{Draft, Found, Version},
    multipart::{Completion, Multipart},
};
use crate::storage::resumable::progress::{Misplaced, Progress};

impl Storage {
    /// Adds bytes; with the last ones the file is in its place. Gives why waiting bytes are no part yet, should that have
    /// failed.
    pub(super) async fn add(
        &self,
        upload: Partial<'_>,
        offset: u64,
        chunk: Pieces,
    ) -> Result<Option<StorageError>, Stop> {
        let (length, size) = (upload.grant.size, chunk.len());
        let Some((multipart, found)) = self.under_way(upload).await? else {
            self.ended(upload.grant).await?.ok_or(Stop::Gone)?;
            accept(Progress::ended(length), offset, size, length)?;
            return Ok(None);
        };
        accept(found.progress, offset, size, length)?;
        if found.progress.is_complete(length) {
            self.finish(multipart, found.progress, &found.waiting, &found.version).await?;
            return Ok(None);
        }
        if size == 0 {
            return Ok(None);
        }
        let (mut progress, mut waiting) = (found.progress, found.waiting);
        // A request before this one was interrupted.
        if progress.is_part_due(length) {
            progress = self.store_part(multipart, progress, &waiting).await?;
            waiting = Pieces::default();
        }
        let draft = Draft::new(progress.extended(size), found.metadata, waiting.chain(chunk))?;
        let version = self.write(multipart, &draft, &found.version).await?;
        // From here on the chunk is kept, whatever happens.
        self.settle(multipart, &draft, &version).await
    }

    /// How far an upload is. Bytes that are all there are a file.
    pub(super) async fn stands(&self, upload: Partial<'_>) -> Result<Standing, StorageError> {
        let known = match upload.name {
            Some(id) => self.progress(Multipart { grant: upload.grant, id }).await?,
            None => None,
        };
        match known {
            Some(Found { progress, metadata, .. }) if !progress.is_complete(upload.grant.size) => {
                Ok(Standing::Unfinished { offset: progress.offset(), said: metadata })
            }
            Some(Found { metadata, .. }) => match self.add(upload, upload.grant.size, Pieces::default()).await {
                Ok(_) => Ok(Standing::Complete { said: metadata }),
                Err(Stop::Store(error)) => Err(error),
                Err(Stop::Exists) => Ok(Standing::Exists),
                Err(_) => Ok(Standing::Gone),
            },
            None => Ok(match self.ended(upload.grant).await? {
                Some(stored) => Standing::Complete { said: stored.metadata.client },
                None => Standing::Gone,
            }),
        }
    }

    /// Makes a file of the bytes if they are all there, or a part if they are enough for one. A part can wait for the next
    /// request.
    async fn settle(
        &self,
        upload: Multipart<'_>,
        draft: &Draft,
        version: &Version,
    ) -> Result<Option<StorageError>, Stop> {
        let (progress, size) = (draft.progress(), upload.grant.size);
        if progress.is_complete(size) {
            self.finish(upload, progress, draft.waiting(), version).await?;
            return Ok(None);
        }
        if !progress.is_part_due(size) {
            return Ok(None);
        }
        Ok(self.fold(upload, draft, version).await.err().map(Stop::into_error))
    }

    async fn fold(&self, upload: Multipart<'_>, draft: &Draft, version: &Version) -> Result<(), Stop> {
        let progress = self.store_part(upload, draft.progress(), draft.waiting()).await?;
        let folded = Draft::new(progress, draft.metadata().clone(), Pieces::default())?;
        self.write(upload, &folded, version).await.map(|_| ())
    }

    /// Completes the upload, whose bytes are all there, and forgets it. Safe to repeat.
    async fn finish(
        &self,
        upload: Multipart<'_>,
        mut progress: Progress,
        waiting: &Pieces,
        version: &Version,
    ) -> Result<(), Stop> {
        if progress.has_waiting() {
            // Should the upload be gone, completing finds out what became of it.
            let _ = self.upload_part(upload, progress.next_part(), waiting).await?;
            progress = progress.flushed();
        }
        let completion = self.complete(upload, progress).await?;
        if completion == Completion::Exists {
            // Should this fail, the lifecycle rule ends it.
            let _ = self.abort(upload).await;
        }
        // By now it may be about another upload of the path, which is left alone.
        let _ = self.discard_incomplete(&upload.grant.path, version).await;
        match completion {
            Completion::Completed => Ok(()),
            Completion::Exists => Err(Stop::Exists),
            Completion::Gone => Err(Stop::Gone),
        }
    }

    /// Makes the waiting bytes a part; gives how far the upload is with it.
    async fn store_part(&self, upload: Multipart<'_>, progress: Progress, waiting: &Pieces) -> Result<Progress, Stop> {
        match self.upload_part(upload, progress.next_part(), waiting).await? {
            Ok(()) => Ok(progress.flushed()),
            Err(_) => Err(Stop::Gone),
        }
    }

    async fn write(&self, upload: Multipart<'_>, draft: &Draft, replaced: &Version) -> Result<Version, Stop> {
        self.write_incomplete(upload, draft, Some(replaced)).await?.map_err(|_| Stop::Overtaken)
    }
}

fn accept(progress: Progress, offset: u64, chunk: u64, length: u64) -> Result<(), Stop> {
    progress.accept(offset, chunk, length).map_err(|refusal| match refusal {
        Misplaced::TooLong => Stop::TooLong,
        Misplaced::Elsewhere => Stop::Conflict { offset: progress.offset() },
    })
}
