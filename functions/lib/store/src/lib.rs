//! What functions ask of a store, whichever it is: S3 (`satchel-aws`) and the folder of the program are two; nothing here names
//! one.
//!
//! Knows no file, no S3, no request and nothing of what a document says. Begin at [`Objects`], files that are created once and
//! whole; [`Documents`] are small and edited by several, through the one loop of [`editor`]; [`Resumable`] is files in chunks,
//! [`Inventory`] and [`Upkeep`] what there is and what is to go, [`Sealing`] what clients have sent to S3 themselves. Each method says
//! what it promises; `conformance` (a feature) checks that a store keeps it.

#[cfg(feature = "conformance")]
pub mod conformance;
mod documents;
pub mod editor;
mod error;
mod inventory;
mod objects;
pub mod report;
mod resumable;
pub mod sealing;

pub use documents::{Condition, Document, Documents, Written};
pub use error::{BodyError, CreateError, Kind, SLOWEST, StoreError};
pub use inventory::{BATCH, Doomed, Fate, Inventory, Listed, Looked, Page, Unfinished, Upkeep, keys_in};
pub use objects::{Body, Creation, Found, NewUpload, Objects, Pieces, Reader, Stored};
pub use resumable::{Abandoned, Appended, Begun, Chunk, ChunkError, Partial, PartialName, Resumable, Standing};
pub use sealing::{Incoming, Promotion, Sealing};
