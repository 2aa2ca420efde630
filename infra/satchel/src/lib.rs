//! The program: one binary, one port, one folder. It takes files into the folder and hands them out by the decisions of the
//! very functions that run on Lambda, and hands all other requests to those functions as API Gateway events, with an S3
//! server on the same folder where one is asked for. This is what most people run; `cargo run --release` starts it.

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
