//! Deleting what has expired: which objects are found through an index ordered by time, which may go, what makes room
//! under a total limit, and the report about it all. Lifecycle rules do the rest.

pub mod entry;
pub mod order;
pub mod report;
pub mod room;
pub mod verdict;

/// What an unfinished upload leaves behind, and what waits to be sealed, is given this long, in seconds: as the
/// lifecycle rules give it.
pub const ABANDONED_AFTER: u64 = 86_400;
