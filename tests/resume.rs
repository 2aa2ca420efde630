//! `resume`: resumable uploads by the tus protocol.

mod faults;
mod files;
mod pieces;
mod protocol;
mod races;
mod refusals;
mod sessions;
