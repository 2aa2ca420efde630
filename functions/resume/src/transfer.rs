//! The upload itself: chunks become parts, parts become the file. Every sequence here may break off at any point, and
//! whoever comes next, with PATCH or HEAD, goes on from what S3 has.

use bytes::Bytes;
use satchel_aws::storage::{
    Storage, Stored,
    incomplete::{Draft, Found, Incomplete, Version},
    multipart::{Completion, Multipart},
    pieces::Pieces,
};
use satchel_core::{
    grant::Grant,
    resume::{progress::Progress, refusal::ResumeRefusal, session::Session, upload_metadata::UploadMetadata},
};

use crate::ResumeError;

/// How often chunks of an upload may come between it and its end.
const END_TRIES: u32 = 5;

/// A chunk that is stored.
pub struct Appended {
    /// Bytes there are now.
    pub offset: u64,
    /// Why the waiting bytes are no part yet; the next request makes them one.
    pub part_put_off: Option<ResumeError>,
}

/// Adds a chunk; with the last one the file is in its place.
///
/// # Errors
/// The chunk does not go where the upload is; another request was faster; the upload is gone; there is another file;
/// S3 failed.
pub async fn append(storage: &Storage, session: &Session, offset: u64, chunk: Bytes) -> Result<Appended, ResumeError> {
    let (grant, size) = (&session.grant, chunk.len() as u64);
    let Some((upload, found)) = under_way(storage, session).await? else {
        ended(storage, grant).await?;
        Progress::ended(grant.size).accept(offset, size, grant.size)?;
        return Ok(Appended { offset, part_put_off: None });
    };
    found.progress.accept(offset, size, grant.size)?;
    if found.progress.is_complete(grant.size) {
        finish(storage, upload, found.progress, &found.waiting, &found.version).await?;
        return Ok(Appended { offset, part_put_off: None });
    }
    if chunk.is_empty() {
        return Ok(Appended { offset, part_put_off: None });
    }
    let (mut progress, mut waiting) = (found.progress, found.waiting);
    // A request before this one was interrupted.
    if progress.is_part_due(grant.size) {
        progress = store_part(storage, upload, progress, &waiting).await?;
        waiting = Pieces::default();
    }
    let draft = Draft::new(progress.extended(size), found.metadata, waiting.chain(chunk.into()))?;
    let version = write(storage, upload, &draft, &found.version).await?;
    // From here on the chunk is kept, whatever happens.
    let part_put_off = settle(storage, upload, &draft, &version).await?;
    Ok(Appended { offset: draft.progress().offset(), part_put_off })
}

/// How far the upload is, and what the client said about its file. Bytes that are all there are a file.
///
/// # Errors
/// The upload is gone; there is another file; S3 failed.
pub async fn offset(storage: &Storage, session: &Session) -> Result<(u64, UploadMetadata), ResumeError> {
    let grant = &session.grant;
    let known = match &session.multipart {
        Some(id) => storage.progress(Multipart { grant, id }).await?,
        None => None,
    };
    match known {
        Some(Found { progress, metadata, .. }) if !progress.is_complete(grant.size) => {
            Ok((progress.offset(), metadata))
        }
        Some(Found { metadata, .. }) => {
            let appended = append(storage, session, grant.size, Bytes::new()).await?;
            Ok((appended.offset, metadata))
        }
        None => Ok((grant.size, ended(storage, grant).await?.metadata.client)),
    }
}

/// Ends an upload: one that is under way, or the file that it has become. A file of another upload stays, and what the
/// index of expiries says of this one: `expire` looks for the file before it believes that.
///
/// # Errors
/// The upload has ended already; S3 failed.
pub async fn terminate(storage: &Storage, session: &Session) -> Result<(), ResumeError> {
    let was_under_way = match &session.multipart {
        Some(id) => give_up(storage, Multipart { grant: &session.grant, id }).await?,
        None => false,
    };
    // Its last chunk may have come in between.
    let was_file = match ended(storage, &session.grant).await {
        Ok(stored) => storage.delete_stored(&session.grant.path, &stored).await.map(|()| true)?,
        Err(ResumeError::Refused(_)) => false,
        Err(error) => return Err(error),
    };
    if was_under_way || was_file { Ok(()) } else { Err(ResumeRefusal::Gone.into()) }
}

/// Ends an upload that is under way; gives whether it was.
async fn give_up(storage: &Storage, upload: Multipart<'_>) -> Result<bool, ResumeError> {
    let mut known = storage.progress(upload).await?;
    if known.is_none() {
        return Ok(false);
    }
    // First what says that there is an upload: nothing is acknowledged to one whose parts are gone. A chunk may have come
    // in between.
    for _ in 0..END_TRIES {
        let Some(found) = &known else { break };
        let discarded = storage.discard_incomplete(&upload.grant.path, &found.version).await?;
        known = if discarded.is_ok() { None } else { storage.progress(upload).await? };
    }
    if known.is_some() {
        return Err(ResumeRefusal::Overtaken.into());
    }
    storage.abort(upload).await?;
    Ok(true)
}

async fn under_way<'a>(
    storage: &Storage,
    session: &'a Session,
) -> Result<Option<(Multipart<'a>, Incomplete)>, ResumeError> {
    let Some(id) = &session.multipart else { return Ok(None) };
    let upload = Multipart { grant: &session.grant, id };
    Ok(storage.incomplete(upload).await?.map(|found| (upload, found)))
}

/// The file of an upload that is not under way; it has become that, or nothing.
async fn ended(storage: &Storage, grant: &Grant) -> Result<Stored, ResumeError> {
    match storage.head(&grant.path).await? {
        Some(stored) if stored.is_of(grant) => Ok(stored),
        _ => Err(ResumeRefusal::Gone.into()),
    }
}

/// Makes a file of the bytes if they are all there, or a part if they are enough for one. A part can wait for the next
/// request.
async fn settle(
    storage: &Storage,
    upload: Multipart<'_>,
    draft: &Draft,
    version: &Version,
) -> Result<Option<ResumeError>, ResumeError> {
    let (progress, size) = (draft.progress(), upload.grant.size);
    if progress.is_complete(size) {
        finish(storage, upload, progress, draft.waiting(), version).await?;
        return Ok(None);
    }
    if !progress.is_part_due(size) {
        return Ok(None);
    }
    Ok(fold(storage, upload, draft, version).await.err())
}

async fn fold(storage: &Storage, upload: Multipart<'_>, draft: &Draft, version: &Version) -> Result<(), ResumeError> {
    let progress = store_part(storage, upload, draft.progress(), draft.waiting()).await?;
    let folded = Draft::new(progress, draft.metadata().clone(), Pieces::default())?;
    write(storage, upload, &folded, version).await.map(|_| ())
}

/// Completes the upload, whose bytes are all there, and forgets it. Safe to repeat.
async fn finish(
    storage: &Storage,
    upload: Multipart<'_>,
    mut progress: Progress,
    waiting: &Pieces,
    version: &Version,
) -> Result<(), ResumeError> {
    if progress.has_waiting() {
        // Should the upload be gone, completing finds out what became of it.
        let _ = storage.upload_part(upload, progress.next_part(), waiting).await?;
        progress = progress.flushed();
    }
    let completion = storage.complete(upload, progress).await?;
    if completion == Completion::Exists {
        // Should this fail, the lifecycle rule ends it.
        let _ = storage.abort(upload).await;
    }
    // By now it may be about another upload of the path, which is left alone.
    let _ = storage.discard_incomplete(&upload.grant.path, version).await;
    match completion {
        Completion::Completed => Ok(()),
        Completion::Exists => Err(ResumeRefusal::Exists.into()),
        Completion::Gone => Err(ResumeRefusal::Gone.into()),
    }
}

/// Makes the waiting bytes a part; gives how far the upload is with it.
async fn store_part(
    storage: &Storage,
    upload: Multipart<'_>,
    progress: Progress,
    waiting: &Pieces,
) -> Result<Progress, ResumeError> {
    match storage.upload_part(upload, progress.next_part(), waiting).await? {
        Ok(()) => Ok(progress.flushed()),
        Err(_) => Err(ResumeRefusal::Gone.into()),
    }
}

async fn write(
    storage: &Storage,
    upload: Multipart<'_>,
    draft: &Draft,
    replaced: &Version,
) -> Result<Version, ResumeError> {
    let written = storage.write_incomplete(upload, draft, Some(replaced)).await?;
    written.map_err(|_| ResumeRefusal::Overtaken.into())
}
