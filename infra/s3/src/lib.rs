//! An S3 server on a folder: conditional writes that win or lose whole, presigned URLs, multipart uploads.
//!
//! [`Store`] keeps buckets and objects in one folder: an index (redb) says what exists, immutable blob files
//! hold the bytes. [`Server`] speaks S3's protocol in front of it. Nothing here knows about XMPP.

mod api;
pub mod listener;
mod query;
mod server;
mod store;

pub use server::credentials::Credentials;
pub use server::requests::Requests;
pub use server::{Server, ServerOptions};
pub use store::error::{OpenError, Refusal, StoreError};
pub use store::events::{CreatedBy, ObjectCreated, Receiver};
pub use store::lifecycle::{Expired, LifecycleRule};
pub use store::usage::{Listed, Stock, Usage};
pub use store::{Clock, Store};
