//! Rosters: contacts and groups of accounts, how they are edited, and how they are kept as documents of a store.
//!
//! Knows no HTTP and no store of any kind: [`stored`] asks whatever keeps documents. Begin at [`document`], what a roster is;
//! [`edit`] is all that can happen to one, [`group`] what several accounts have in common.

pub mod contact;
pub mod document;
pub mod edit;
mod former;
pub mod group;
mod once;
pub mod stored;
pub mod username;
