//! How a store is opened.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::watch::Listener;

/// Gives the time, in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// See [`StoreOptions::inside`].
const INSIDE: u64 = 32 * 1024;

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// The time, for `Last-Modified` and lifecycle rules.
    pub clock: Clock,
    /// Takes what the store has to say.
    pub listener: Listener,
    /// Uploads leave so many bytes of the disk free.
    pub floor: u64,
    /// Size in bytes of a file that is given up where others have filled the disk, so that deleting still works.
    pub reserve: u64,
    /// Bodies of up to so many bytes are kept in the index: a commit then makes many of them durable with one sync.
    /// Larger ones are files, which a lost index does not take with it.
    pub inside: u64,
    /// Whether damage is looked for in the background.
    pub scrubs: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(system_time),
            listener: Arc::new(|_| ()),
            floor: 64 << 20,
            reserve: 16 << 20,
            inside: INSIDE,
            scrubs: true,
        }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { floor, reserve, inside, scrubs, .. } = self;
        let mut debug = f.debug_struct("StoreOptions");
        debug.field("floor", floor).field("reserve", reserve).field("inside", inside).field("scrubs", scrubs);
        debug.finish_non_exhaustive()
    }
}

/// The machine's clock. The store is its boundary: `Last-Modified` is its business.
fn system_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
