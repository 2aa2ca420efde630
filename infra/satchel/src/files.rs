//! The folder as the store that the functions ask for.

mod bucket;
mod documents;
mod inventory;
mod objects;
mod report;
mod resumable;
mod sealing;

pub use bucket::Files;
pub use objects::Opened;
pub use report::FolderParts;
