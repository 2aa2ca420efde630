//! Power cuts: real stores, SQLite included, on a file system that forgets what was not synced. Needs root and `/dev/fuse`.
//!
//! `POWER_SEED` repeats what a failed test was given, as far as threads allow.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod content;
mod cuts;
mod disk;
mod ledger;
mod machine;
mod medium;
mod random;
mod served;
#[allow(dead_code, reason = "shared with the other tests, which use all of it")]
#[path = "../folder/support.rs"]
mod support;
mod work;
