//! In what stores may differ.

/// In what stores may differ.
#[derive(Debug, Clone, Copy)]
pub struct Has {
    /// What was found is read to its end even if reading begins after it was removed.
    pub reads_after_removal: bool,
    /// Objects are deleted only if they still have the ETag that is named.
    pub conditional_deletions: bool,
    /// What stands between two slashes of a path may be longer than a file's name on a disk.
    pub names_over_255_bytes: bool,
    /// Keys come in the order of their bytes, wherever slashes are in them.
    pub byte_order: bool,
}
