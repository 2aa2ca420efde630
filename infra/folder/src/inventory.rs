//! What the files of a folder say of themselves.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;

use crate::blob_id::{BLOBS, BlobId, LABEL};
use crate::damage::ReadError;
use crate::disk::{Disk, FileSystem};
use crate::error::StoreError;
use crate::footer::Checked;
use crate::label::Label;
use crate::record::{ObjectHead, Segment};

/// What the files say.
#[derive(Default)]
pub(crate) struct Files {
    /// The newest for each bucket and key.
    pub objects: BTreeMap<(String, String), (ObjectHead, Vec<Segment>)>,
    pub unreadable: u64,
    /// The highest that a file's name has.
    pub generation: u32,
}

impl Files {
    pub(crate) fn read(disk: &FileSystem) -> Result<Self, StoreError> {
        let mut files = Self::default();
        let names = match disk.list(Path::new(BLOBS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            listed => listed?,
        };
        let mut labelled = HashSet::new();
        for folder in names {
            let folder = Path::new(BLOBS).join(folder);
            let mut names = disk.list(&folder).unwrap_or_default();
            // Labels first: they say more than the footers of the files that they are for.
            names.sort_by_key(|name| !name.ends_with(LABEL));
            for name in names {
                let is_label = name.ends_with(LABEL);
                let Some(id) = BlobId::parse(name.strip_suffix(LABEL).unwrap_or(&name)) else { continue };
                files.generation = files.generation.max(id.generation);
                if labelled.contains(&id) {
                    continue;
                }
                let read = disk.open(&folder.join(&name)).map_err(ReadError::from);
                let file = read.and_then(|file| Checked::of(file, name.clone()));
                match file.and_then(|file| Ok((file.len(), file.label()?))) {
                    Ok((len, label)) => {
                        if is_label {
                            labelled.insert(id);
                        }
                        files.take(disk, id, len, label);
                    }
                    Err(_) => files.unreadable += 1,
                }
            }
        }
        Ok(files)
    }

    fn take(&mut self, disk: &FileSystem, id: BlobId, len: u64, label: Label) {
        let Label::Object { bucket, key, head, mut segments } = label else { return };
        if segments.is_empty() {
            let Some(sha256) = head.sha256.filter(|_| head.size == len) else { return };
            segments.push(Segment { blob: id, len, sha256 });
        }
        let is_whole = segments.iter().all(|segment| has(disk, segment));
        if !is_whole {
            self.unreadable += 1;
            return;
        }
        let at = (bucket, key);
        // Names of files count up, and clocks may be set.
        let is_newer = |(_, known): &(ObjectHead, Vec<Segment>)| known.first().map(|first| first.blob) < Some(id);
        if self.objects.get(&at).is_none_or(is_newer) {
            self.objects.insert(at, (head, segments));
        }
    }
}

/// Whether a file is there, as long as it was.
pub(crate) fn has(disk: &FileSystem, segment: &Segment) -> bool {
    let opened = disk.open(&segment.blob.path()).map_err(ReadError::from);
    opened.and_then(|file| Checked::of(file, String::new())?.of_length(segment.len)).is_ok()
}
