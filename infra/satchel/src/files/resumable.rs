//! Uploads in chunks: each is added where it belongs by one commit, and the last one is with its file.

use futures_util::stream;
use satchel_core::{
    checksum::{Checking, Checksum},
    grant::Grant,
    metadata::Metadata,
    object_key::Key,
    upload_metadata::UploadMetadata,
};
use satchel_folder::{
    Completion, Described, Digest, Ended, Growing, Grown, Observer, PartRecord, Received, Refusal, Room,
    StoreError as FolderError, UploadAddress,
};
use satchel_store::{
    Abandoned, Appended, Begun, Body, BodyError, Chunk, ChunkError, Creation, Partial, PartialName, Pieces, Resumable,
    Standing, StoreError, Stored,
};

use super::{
    bucket::{Files, failed, stored},
    objects::{headers, may_be_repeated, met_by, tag},
};

impl Resumable for Files {
    async fn begin(&self, grant: &Grant, said: &UploadMetadata, first: Chunk) -> Result<Begun, ChunkError> {
        let now = self.clock.now();
        let may_be_whole = first.length.is_none_or(|length| length == grant.size);
        // Before the chunk: whoever waits for permission need not send it, unless it may be the file that is there.
        let present = self.look(&grant.path)?;
        if present.as_ref().is_some_and(|head| !may_be_whole || !may_be_repeated(grant, head, now)) {
            return Ok(Begun::Exists);
        }
        let (pieces, announced, checking) = taken(first);
        let room = Room { most: grant.size, announced: announced.min(grant.size) };
        let received = self.store.receive_some(pieces, room, checking).await;
        let received = received.map_err(|error| failed("intake", &error))?;
        let (body, ended) = checked(received)?;
        // A client that has gone would not hear where its upload is.
        ended?;
        let metadata = Metadata::of(grant).with_client(said.clone());
        if body.size == grant.size {
            let sha256 = body.sha256;
            if let Some(present) = self.look(&grant.path)? {
                return Ok(begun(met_by(&present, grant, sha256, now), grant));
            }
            return Ok(begun(self.keep(grant, &metadata, None, body).await?, grant));
        }
        if present.is_some() {
            return Ok(Begun::Exists);
        }
        let (at, headers) = (self.at(&Key::of_upload(&grant.path)), headers(grant, &metadata));
        let (offset, begun) = (body.size, self.store.begin_growing(at, headers, grant.size, body).await);
        let name = PartialName::new(begun.map_err(|error| failed("beginning", &error))?);
        Ok(Begun::Unfinished { name, offset })
    }

    async fn standing(&self, upload: Partial<'_>) -> Result<Standing, StoreError> {
        if let Some(growing) = self.growing(upload)? {
            let said = Metadata::read(|name| growing.headers.metadata.get(name).map(String::as_str)).client;
            return Ok(Standing::Unfinished { offset: growing.size, said });
        }
        let file = self.file_of(upload.grant)?;
        Ok(file.map_or(Standing::Gone, |file| Standing::Complete { said: file.metadata.client }))
    }

    async fn append(&self, upload: Partial<'_>, offset: u64, chunk: Chunk) -> Result<Appended, ChunkError> {
        let Some(growing) = self.growing(upload)? else { return self.append_to_file(upload, offset, chunk).await };
        if growing.size != offset {
            return Ok(Appended::Conflict { offset: growing.size });
        }
        let (is_checked, (pieces, announced, checking)) = (chunk.checksum.is_some(), taken(chunk));
        if announced > growing.whole - offset {
            return Err(ChunkError::TooLong);
        }
        let received = self.store.receive_more(&growing, pieces, announced, checking).await;
        let (addition, ended) = checked(received.map_err(|error| failed("intake", &error))?)?;
        match ended {
            Err(cause) if is_checked || addition.added == 0 => return Err(cause.into()),
            Ok(()) if addition.added == 0 => return Ok(Appended::Stored { offset, put_off: None }),
            _ => {}
        }
        drop(growing);
        let describe = |parts: &[&PartRecord]| Described { etag: composite(parts), ..Described::default() };
        let completion = Completion { describe, beside: self.entry_of(upload.grant) };
        let there = match self.store.grow(addition, completion).await {
            Ok(Grown::Part(size)) => size,
            Ok(Grown::Object(head)) => head.size,
            Ok(Grown::Elsewhere(offset)) => return Ok(Appended::Conflict { offset }),
            Ok(Grown::Exists) => return Ok(Appended::Exists),
            // It has ended meanwhile, and perhaps as its file.
            Err(FolderError::Refused(Refusal::NoSuchUpload)) => {
                let file = self.file_of(upload.grant)?;
                return Ok(file.map_or(Appended::Gone, |file| Appended::Conflict { offset: file.size }));
            }
            Err(error) => return Err(failed("write", &error).into()),
        };
        Ok(match ended {
            Ok(()) => Appended::Stored { offset: there, put_off: None },
            Err(cause) => Appended::Broken { offset: there, cause },
        })
    }

    async fn abandon(&self, upload: Partial<'_>) -> Result<Abandoned, StoreError> {
        let was_under_way = match upload.name {
            None => false,
            Some(name) => match self.store.abort_upload(self.address(upload.grant, name)).await {
                Ok(()) => true,
                Err(FolderError::Refused(Refusal::NoSuchUpload)) => false,
                Err(error) => return Err(failed("ending", &error)),
            },
        };
        // Its last chunk may have come before.
        let was_file = match self.file_of(upload.grant)? {
            Some(file) => self.delete_file(upload.grant, &file).await?,
            None => false,
        };
        Ok(if was_under_way || was_file { Abandoned::Done } else { Abandoned::Gone })
    }
}

impl Files {
    fn address(&self, grant: &Grant, name: &PartialName) -> UploadAddress {
        UploadAddress { object: self.at(&Key::of_upload(&grant.path)), id: name.as_str().to_owned() }
    }

    fn growing(&self, upload: Partial<'_>) -> Result<Option<Growing>, StoreError> {
        let Some(name) = upload.name else { return Ok(None) };
        self.store.growing(&self.address(upload.grant, name)).map_err(|error| failed("lookup", &error))
    }

    /// The file that an upload has become.
    fn file_of(&self, grant: &Grant) -> Result<Option<Stored>, StoreError> {
        Ok(self.look(&grant.path)?.map(|head| stored(&head)).filter(|file| file.is_of(grant)))
    }

    /// What comes to an upload that is a file already: nothing is right, and anything is too much.
    async fn append_to_file(&self, upload: Partial<'_>, offset: u64, chunk: Chunk) -> Result<Appended, ChunkError> {
        let Some(file) = self.file_of(upload.grant)? else { return Ok(Appended::Gone) };
        if offset != file.size {
            return Ok(Appended::Conflict { offset: file.size });
        }
        let (pieces, announced, checking) = taken(chunk);
        if announced > 0 {
            return Err(ChunkError::TooLong);
        }
        let received = self.store.receive_some(pieces, Room { most: 0, announced: 0 }, checking).await;
        let (_, ended) = checked(received.map_err(|error| failed("intake", &error))?)?;
        ended?;
        Ok(Appended::Stored { offset, put_off: None })
    }

    /// Deletes this very file; says whether it was there still.
    async fn delete_file(&self, grant: &Grant, file: &Stored) -> Result<bool, StoreError> {
        let etag = file.etag.trim_matches('"').to_owned();
        match self.store.delete(self.at(&Key::of_upload(&grant.path)), Some(etag)).await {
            Ok(()) => Ok(true),
            Err(FolderError::Refused(_)) => Ok(false),
            Err(error) => Err(failed("deletion", &error)),
        }
    }
}

/// Checks a chunk on its way to the disk.
struct Check(Option<Checking>);

impl Observer for Check {
    fn update(&mut self, bytes: &[u8]) {
        if let Some(checking) = &mut self.0 {
            checking.update(bytes);
        }
    }
}

/// The bytes of a chunk, how many are sure to come, and what checks them.
fn taken(chunk: Chunk) -> (Pieces<BodyError>, u64, Check) {
    let check = |checksum: Option<Checksum>| Check(checksum.map(Checking::of));
    match chunk.body {
        Body::Whole(bytes) => {
            let length = bytes.len() as u64;
            (Box::pin(stream::iter([Ok(bytes)])), length, check(chunk.checksum))
        }
        Body::Streamed(pieces) => (pieces, chunk.length.unwrap_or(0), check(chunk.checksum)),
    }
}

/// What came of a chunk and how it has ended, unless none of it may be kept.
fn checked<B>(received: Received<B, Check, BodyError>) -> Result<(B, Result<(), BodyError>), ChunkError> {
    let Received { body, observer: Check(checking), ended } = received;
    match (ended, checking) {
        (Ended::TooLong, _) => Err(ChunkError::TooLong),
        (Ended::Broken(cause), _) => Ok((body, Err(cause))),
        (Ended::Whole, None) => Ok((body, Ok(()))),
        (Ended::Whole, Some(checking)) => checking.finish().map(|()| (body, Ok(()))).map_err(|_| ChunkError::Mismatch),
    }
}

fn begun(created: Creation, grant: &Grant) -> Begun {
    match created {
        Creation::Created => Begun::Complete(grant.id),
        Creation::Repeated(upload) => Begun::Complete(upload),
        Creation::Exists => Begun::Exists,
    }
}

/// Made of the digests of the parts, as nobody has one of the whole.
fn composite(parts: &[&PartRecord]) -> String {
    let digests: Vec<&str> = parts.iter().map(|part| part.etag.as_str()).collect();
    tag(Digest::of(digests.concat().as_bytes()), parts.len())
}
