//! What the tests are written with: a `World` is the program under test, `Request` and `Answer` are its client, `PlainS3` is
//! an S3 beside it, `tokens` are those of XMPP servers; the rest is for the tests of one subject.

pub mod client;
pub mod component;
pub mod emf;
pub mod files;
pub mod gated_s3;
pub mod invoked;
pub mod lines;
pub mod plain_s3;
pub mod prosody;
pub mod proxy;
pub mod relay;
pub mod rosters;
pub mod shelf;
pub mod stores;
pub mod template;
pub mod tokens;
pub mod turnstile;
pub mod tus;
pub mod world;

pub use client::{Answer, Request, follow, follow_with};
pub use files::{bytes, path};
pub use invoked::invoked;
pub use plain_s3::{BUCKET, PlainS3, elsewhere, s3_client};
pub use tokens::SECRET;
pub use world::{Setup, World, options};
