//! Where commands are heard.

use std::path::{Path, PathBuf};

const SOCKET: &str = "control.sock";

/// Where a stack on this folder listens to commands.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.join(SOCKET)
}
