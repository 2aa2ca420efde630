//! The names of blob files, and of the folders they lie in.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The folder of them all.
pub(crate) const BLOBS: &str = "blobs";
/// What the name of a file ends with that says what a blob is, where its own footer says something else.
pub(crate) const LABEL: &str = ".label";
/// Files to a folder, as a power of two: a batch of uploads shares one folder, and with it one sync.
const FOLDER_BITS: u32 = 10;

/// Names a blob. `generation` counts the openings of the store and is kept in the index and beside it, so no name is
/// given out twice, whatever becomes of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct BlobId {
    pub generation: u32,
    pub sequence: u64,
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:016x}", self.generation, self.sequence)
    }
}

impl From<BlobId> for String {
    fn from(id: BlobId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for BlobId {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::parse(&name).ok_or(name)
    }
}

impl BlobId {
    /// Reads a file name back. Anything that is not one of ours is `None` and left alone.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name.len() != 24 || !name.is_ascii() {
            return None;
        }
        let generation = u32::from_str_radix(&name[..8], 16).ok()?;
        let sequence = u64::from_str_radix(&name[8..], 16).ok()?;
        Some(Self { generation, sequence }).filter(|id| id.to_string() == name)
    }

    pub(crate) fn folder(self) -> PathBuf {
        Path::new(BLOBS).join(format!("{:08x}-{:x}", self.generation, self.sequence >> FOLDER_BITS))
    }

    /// Where it lies, relative to the store's folder.
    pub(crate) fn path(self) -> PathBuf {
        self.folder().join(self.to_string())
    }

    pub(crate) fn label_path(self) -> PathBuf {
        self.folder().join(format!("{self}{LABEL}"))
    }
}

/// The opening that the files of a folder are of.
pub(crate) fn generation_of(folder: &str) -> Option<u32> {
    u32::from_str_radix(folder.split_once('-')?.0, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_file_name() {
        let id = BlobId { generation: 3, sequence: u64::MAX };
        assert_eq!(BlobId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn foreign_file_names_are_no_ids() {
        for name in ["", "x", "lost+found", "0000000100000000000000zz", "00000001000000000000000A"] {
            assert_eq!(BlobId::parse(name), None, "{name}");
        }
    }
}
