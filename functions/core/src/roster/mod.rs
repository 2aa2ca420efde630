//! Rosters: what Prosody's mod_http_roster_admin fetches, how it is edited, and what Prosody is told about it.

pub mod address;
pub mod contact;
pub mod document;
pub mod edit;
pub mod former;
pub mod group;
pub mod precondition;
pub mod refresh;
pub mod username;
