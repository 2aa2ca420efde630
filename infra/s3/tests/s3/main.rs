//! The server over HTTP, asked by the real SDK and by raw sockets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod awkward_keys;
mod bodies;
mod buckets;
mod conditional;
mod copies;
mod cors;
mod deletes;
mod integrity;
mod kill;
mod lifecycle;
mod listing;
mod meanings;
mod multipart;
mod presigned;
mod reading;
mod restart;
mod support;
mod usage;
