//! A data folder that cannot be used.

use std::{io, path::PathBuf};

/// The data folder, or a folder in it, cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
#[error("the data folder {} cannot be used: {cause}; name another with --data", folder.display())]
pub struct DataFolderError {
    /// The folder.
    pub folder: PathBuf,
    /// What the system says.
    pub cause: io::Error,
}
