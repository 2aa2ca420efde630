//! What the functions ask of a store of files. S3 (`satchel-aws`) and the folder of the program (`satchel`) are
//! two of them; nothing here names one.

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
