//! S3's protocol in front of a folder: conditional writes that win or lose whole, presigned URLs, multipart uploads.
//!
//! [`Store`] keeps buckets and objects in one folder. [`Server`] speaks S3's protocol in front of it, on connections of
//! `satchel-listener`; the crate `s3s` reads requests and verifies signatures.
//!
//! What it knows: S3's operations and errors, and where `s3s` differs from S3. What it must not know: XMPP, the functions,
//! the program, and how the folder keeps what it is given.
//!
//! Where to begin: `server/service.rs` has the way of a request. `server/guard.rs` says what is refused before `s3s` sees
//! it, `server/gate.rs` and `server/offered.rs` what is refused once the signature holds, `api/mod.rs` which function of
//! `api/` carries an operation out. README.md says what to do with a new version of `s3s`.

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
