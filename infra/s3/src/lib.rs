//! S3's protocol in front of a folder: conditional writes that win or lose whole, presigned URLs, multipart uploads.
//!
//! [`Store`] keeps buckets and objects in one folder. [`Server`] speaks S3's protocol in front of it. Nothing here knows
//! about XMPP.

mod api;
mod query;
mod server;
mod stalled;

pub use satchel_folder::{
    Clock, CreatedBy, Expired, Health, LifecycleRule, Listed, Listener, Notice, ObjectCreated, OpenError, Rebuilt,
    Receiver, Refusal, Scrubbed, Stock, Store, StoreError, StoreOptions, Trouble, Usage, rebuild,
};
pub use server::credentials::Credentials;
pub use server::requests::Requests;
pub use server::{Server, ServerOptions};
