//! Satchel's decisions, free of effects: every function here takes the time, the configuration
//! and the request as arguments and answers with a value. The shells around it are
//! `satchel-aws` (S3, signing, Lambda) and the functions themselves.

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
pub mod jid;
pub mod jwt;
pub mod mac;
pub mod metadata;
pub mod object_key;
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
