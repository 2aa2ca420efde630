//! The program: one binary, one port, one folder, for an XMPP server's uploads, downloads and rosters. This is what most
//! people run; `cargo run --release` starts it.
//!
//! It takes files into the folder and hands them out by the decisions of the very functions that run on Lambda, and hands
//! them all other requests, head and body. With an S3 elsewhere it keeps files there; where one is asked for, an S3 server
//! listens on its own folder.
//!
//! What it knows: the command line, settings, which store there is, the server, the schedule, metrics and the status page.
//! What it must not know: S3's protocol, how the folder keeps what it is given, and whether a token is good: that is the
//! functions' to decide.
//!
//! Where to begin: `cli.rs` starts it, `stack.rs` puts it together and ends it, and says what there is in which order.
//! `gateway/mod.rs` has the way of a request: `upload.rs`, `download.rs` and `resume.rs` stream files, `invoke.rs` asks a
//! function. `files/` makes the folder the store that the functions ask for; `storage.rs` opens it. `housekeeping.rs` is
//! what the schedule does, `control/` how a command reaches a stack that runs.

mod another_s3;
pub mod any_store;
pub mod arguments;
pub mod chronicle;
pub mod cli;
mod control;
pub mod data_folder;
pub mod delivery;
mod expire;
pub mod exporter;
pub mod files;
pub mod functions;
pub mod gateway;
pub mod health;
mod housekeeping;
pub mod journal;
mod keys;
pub mod lifecycle;
pub mod limits;
pub mod listen_error;
mod notices;
mod own_files;
pub mod paste;
pub mod proxies;
mod request_id;
mod roster_events;
mod rosters;
mod running;
mod sealer;
pub mod settings;
mod shown;
mod snippet;
pub mod stack;
pub mod status;
mod storage;
mod systemd;
pub mod terminal;
mod terms;
mod variables;
