//! What every operation works with.

use satchel_folder::Store;

/// The operations. One per server.
pub(crate) struct Api {
    pub(crate) store: Store,
    /// The region `GetBucketLocation` and `HeadBucket` name.
    pub(crate) region: String,
}
