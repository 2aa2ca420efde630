//! The embedded stack over HTTP, one module per route and trait: real functions, real SDK, real S3 protocol.

mod authorize;
mod chat;
mod component;
mod cors;
mod documents;
mod download;
mod events;
mod expire;
mod faults;
mod front;
mod logs;
mod metrics;
mod paths;
mod proxies;
mod quota;
mod races;
mod resume;
mod retention;
mod rosters;
mod sealing;
mod secrets;
mod status;
mod support;
mod template;
mod threats;
mod upload;
