//! What the store has to say that is no answer to anybody: damage, trouble with the disk, what it put aside. Each is said
//! once, not with every request that meets it.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{StoreError, is_full};

/// Days that files stay aside which the index does not name.
pub(crate) const QUARANTINE_DAYS: u64 = 14;

/// Takes what the store has to say. Called from its threads; must not call the store.
pub type Listener = Arc<dyn Fn(&Notice) + Send + Sync>;

/// Damaged objects that are remembered, so as not to be named twice.
const REMEMBERED: usize = 10_000;

/// Why the store cannot write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// There is no room.
    Full,
    /// The file system takes no writes.
    ReadOnly,
    /// The folder was removed or replaced.
    FolderGone,
    /// The disk reports errors.
    Failing,
}

impl Trouble {
    /// A stable name, for logs and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "storage_full",
            Self::ReadOnly => "storage_read_only",
            Self::FolderGone => "storage_folder_gone",
            Self::Failing => "storage_failing",
        }
    }

    /// What an error says about the store as a whole; `None` for what concerns one request.
    pub(crate) fn of(error: &StoreError) -> Option<Self> {
        use rusqlite::ErrorCode::{CannotOpen, ReadOnly};
        match error {
            StoreError::FolderGone => Some(Self::FolderGone),
            _ if error.is_full() => Some(Self::Full),
            StoreError::Io(error) => Some(Self::of_io(error)),
            StoreError::Index(error) => match error.sqlite_error_code() {
                Some(ReadOnly) => Some(Self::ReadOnly),
                Some(CannotOpen) => Some(Self::FolderGone),
                _ => Some(Self::Failing),
            },
            _ => None,
        }
    }

    fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::NotFound => Self::FolderGone,
            _ if is_full(error) => Self::Full,
            _ => Self::Failing,
        }
    }
}

/// Something that whoever runs the store should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Nothing can be stored at present. Said when it begins.
    Trouble {
        /// Of which kind.
        trouble: Trouble,
        /// What the system said.
        cause: String,
    },
    /// Things can be stored again.
    Recovered,
    /// An object, or the index, is not as it was written.
    Damaged {
        /// The object's bucket and key, or a part of the index.
        what: String,
        /// How that was noticed.
        cause: String,
    },
    /// Files that the index does not name were put aside.
    Quarantined {
        /// How many.
        files: usize,
        /// Where, relative to the store's folder.
        folder: String,
    },
    /// Files that were put aside long ago were removed.
    QuarantineEmptied {
        /// How many.
        files: usize,
    },
    /// The last run did not end in order and its write-ahead log is gone.
    LogGone,
    /// `store.json` was missing and has been made again from the index.
    IdentityGone,
    /// The folder could be read by other users of the machine, and cannot any more.
    FolderWasOpen,
}

impl Notice {
    /// A stable name, for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Trouble { trouble, .. } => trouble.code(),
            Self::Recovered => "storage_recovered",
            Self::Damaged { .. } => "storage_damaged",
            Self::Quarantined { .. } => "files_quarantined",
            Self::QuarantineEmptied { .. } => "quarantine_emptied",
            Self::LogGone => "index_log_gone",
            Self::IdentityGone => "store_json_gone",
            Self::FolderWasOpen => "folder_was_open",
        }
    }

    /// Whether it is news rather than a problem.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Recovered | Self::QuarantineEmptied { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trouble { trouble: Trouble::Full, cause } => {
                write!(f, "the disk is full: {cause}; uploads are refused until there is room, downloads and deletions go on")
            }
            Self::Trouble { trouble: Trouble::ReadOnly, cause } => {
                write!(f, "the disk takes no writes: {cause}; uploads are refused until it does, downloads go on")
            }
            Self::Trouble { trouble: Trouble::FolderGone, cause } => {
                write!(f, "the data folder is not where it was: {cause}; put it back, or restart")
            }
            Self::Trouble { trouble: Trouble::Failing, cause } => {
                write!(f, "the disk fails: {cause}; uploads are refused until it works again")
            }
            Self::Recovered => f.write_str("the disk takes writes again"),
            Self::Damaged { what, cause } => write!(f, "{what} is damaged: {cause}"),
            Self::Quarantined { files, folder } => write!(
                f,
                "{files} files that the index does not name were moved to {folder}, where they stay for \
                 {QUARANTINE_DAYS} days; after a crash these are unfinished uploads"
            ),
            Self::QuarantineEmptied { files } => write!(f, "{files} files were removed from the quarantine"),
            Self::LogGone => f.write_str(
                "the last run did not end in order and index.sqlite-wal is gone, so what was stored last may be missing \
                 from the index; stop and run `satchel repair` to bring back files that it does not name",
            ),
            Self::IdentityGone => f.write_str("store.json was missing and has been made again from the index"),
            Self::FolderWasOpen => {
                f.write_str("the folder of the files could be read by other users of this machine; it is closed to them now")
            }
        }
    }
}

/// Passes notices on, each once.
pub(crate) struct Watch {
    listener: Listener,
    known: Mutex<Option<Known>>,
    damaged: Mutex<HashSet<String>>,
}

/// What is wrong now.
#[derive(Debug)]
struct Known {
    trouble: Trouble,
    cause: String,
    /// Files cannot be written, or not be read: a row that can be written proves nothing about those.
    of_files: bool,
}

/// What has failed, or worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The index.
    Index,
    /// Files, perhaps with the index.
    Files,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("known", &self.known).finish_non_exhaustive()
    }
}

impl Watch {
    pub(crate) fn new(listener: Listener) -> Self {
        Self { listener, known: Mutex::new(None), damaged: Mutex::new(HashSet::new()) }
    }

    pub(crate) fn say(&self, notice: &Notice) {
        (self.listener)(notice);
    }

    /// Takes note of an error of the store, whatever its asker makes of it.
    pub(crate) fn failed(&self, error: &StoreError) {
        self.part_failed(error, Part::Files);
    }

    /// The same where it is known what has failed.
    pub(crate) fn part_failed(&self, error: &StoreError, part: Part) {
        if let StoreError::Damaged { what, cause } = error {
            return self.damaged(what, cause);
        }
        let Some(trouble) = Trouble::of(error) else { return };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = known.as_ref().is_none_or(|known| known.trouble != trouble);
        let of_files = part == Part::Files || known.as_ref().is_some_and(|known| known.of_files);
        *known = Some(Known { trouble, cause: error.to_string(), of_files });
        drop(known);
        if is_new {
            self.say(&Notice::Trouble { trouble, cause: error.to_string() });
        }
    }

    pub(crate) fn damaged(&self, what: &str, cause: &str) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = damaged.len() < REMEMBERED && damaged.insert(what.to_owned());
        drop(damaged);
        if is_new {
            self.say(&Notice::Damaged { what: what.to_owned(), cause: cause.to_owned() });
        }
    }

    /// Something was written.
    pub(crate) fn worked(&self, part: Part) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let was = known.take_if(|known| part == Part::Files || !known.of_files);
        drop(known);
        if was.is_some() {
            self.say(&Notice::Recovered);
        }
    }

    pub(crate) fn trouble(&self) -> Option<(Trouble, String)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|known| (known.trouble, known.cause.clone()))
    }

    pub(crate) fn damaged_count(&self) -> usize {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
