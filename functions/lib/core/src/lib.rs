//! The kernel: what is decided about uploads, by values alone. Every function here takes the time, chance, the configuration and
//! the request as arguments, and answers with a value.
//!
//! Knows no clock, no randomness, no environment, no runtime, no store, no AWS and no stanza; `clippy.toml` beside it forbids the
//! first three. A tour:
//!
//! - A request comes in as a [`head::RawHead`]; [`head::Head`] is all that it says of an upload. [`route`] and [`upload_path`] read
//!   its address, [`credential`] its token, [`digest`], [`content_type`] and [`cors`] the rest.
//! - [`put::authorize`] makes a [`grant::Grant`] of it, or refuses: by [`mac`] or [`jwt`], with the keys of [`secret`], at a
//!   [`moment::Moment`]. [`repeat`] tells an upload that comes again, [`token_id`] by which token.
//! - Where things are kept is in [`object_key`]; what is kept beside them in [`metadata`]; how long in [`retention`], [`purpose`] and
//!   [`expiry`].
//! - What goes out is an [`answer::Answer`] with its [`outcome::Outcome`]; what goes wrong is an [`outcome::Failure`] with its
//!   [`problem::Problem`].
//! - [`config`] is how functions read their environment, [`basic`] who may call them, [`jid`] how XMPP servers spell addresses.

pub mod answer;
pub mod base_url;
pub mod basic;
pub mod checksum;
pub mod config;
pub mod content_type;
pub mod cors;
pub mod credential;
pub mod date_time;
pub mod digest;
pub mod expiry;
pub mod grant;
pub mod head;
pub mod jid;
pub mod jwt;
pub mod mac;
pub mod metadata;
pub mod moment;
pub mod object_key;
pub mod outcome;
pub mod precondition;
pub mod problem;
pub mod purpose;
pub mod put;
pub mod repeat;
pub mod retention;
pub mod route;
pub mod secret;
pub mod secret_reference;
pub mod time;
pub mod token_id;
pub mod upload_metadata;
pub mod upload_path;
pub mod xml;
