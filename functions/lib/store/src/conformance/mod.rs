//! What every store keeps to, as checks to run against each. Each takes what opens the store: the same one every time, so
//! that what one opening has stored the next one has.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "these are tests")]

mod differences;
mod documents;
mod inventory;
mod objects;
mod resumable;
mod subjects;

pub use differences::Has;
pub use documents::documents;
pub use inventory::{inventory, upkeep};
pub use objects::objects;
pub use resumable::resumable;
