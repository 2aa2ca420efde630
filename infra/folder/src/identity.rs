//! `store.json`: what is known of the index outside of it, so that an index that is gone, empty, foreign or old is noticed.
//! SQLite takes an empty file for an empty database and a lost write-ahead log for none.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk::Disk;

const NAME: &str = "store.json";
const DRAFT: &str = "store.json.new";
/// Longer ones are none of ours.
const MAX_BYTES: u64 = 4096;

/// The layout that this program reads and writes.
pub(crate) const FORMAT: u64 = 2;

/// How the last opening ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It did not: a store is open, or was killed. There is a write-ahead log.
    Open,
    /// The write-ahead log may have been taken into the index.
    Closing,
    /// In order, and no file is there that the index does not name.
    Clean,
}

/// What the index must agree with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub format: u64,
    /// Random; the index has the same.
    pub id: String,
    /// How often the store has been opened. The index has it, too, and neither ever counts back.
    pub generation: u32,
    pub state: State,
    /// The log of the index was gone once, so files that it does not name may be acknowledged ones. Until a repair.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_suspect: bool,
}

impl Identity {
    /// `None`: there is none. `InvalidData`: it is not readable.
    pub(crate) fn read(disk: &dyn Disk) -> io::Result<Option<Self>> {
        let file = match disk.open(Path::new(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let len = usize::try_from(file.length()?.min(MAX_BYTES)).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        file.read_at(&mut bytes, 0)?;
        // One that ends early is an I/O error to serde.
        serde_json::from_slice(&bytes).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Whole and durable, or not at all.
    pub(crate) fn write(&self, disk: &dyn Disk) -> io::Result<()> {
        let json = serde_json::to_vec(self)?;
        // What a stopped process may have left.
        let _ = disk.remove(Path::new(DRAFT));
        let mut file = disk.create(Path::new(DRAFT))?;
        file.append(&json)?;
        file.sync()?;
        disk.rename(Path::new(DRAFT), Path::new(NAME))?;
        disk.sync_dir(Path::new(""))
    }
}
