//! The embedded stack: a gateway that turns HTTP requests into API Gateway events for the very functions
//! that run on Lambda, and an S3 server on a folder. `cargo run --release` starts it.

pub mod cli;
mod expire;
pub mod functions;
pub mod gateway;
mod housekeeping;
mod keys;
pub mod lifecycle;
mod rosters;
mod sealer;
pub mod settings;
mod snippet;
pub mod stack;
mod systemd;
