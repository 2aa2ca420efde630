//! A store of buckets and objects in one folder, for one machine. It knows files, SQLite and S3's notions of a bucket, a
//! key, an ETag and a condition; it knows no protocol, no HTTP and nothing of XMPP.
//!
//! ```text
//! index.sqlite          what exists: records, and bodies of up to 32 KiB
//! blobs/<n>-<m>/<id>    larger bodies, a file each, with checksums and what a lost index would need behind them
//! store.json            what the index must agree with: an id, and how often the folder was opened
//! quarantine/<day>/     files that the index did not name after a crash
//! reserve               given up when others have filled the disk, so that deleting still works
//! lock                  held by the one process that uses the folder
//! ```
//!
//! What is promised: a [`Store::put`] that has returned is durable, whole and never overwritten against its condition. A
//! process that is killed, or a machine that loses power, at any instant leaves each object whole or absent. No file name
//! is used twice. Nothing is deleted because the index does not know it. What the disk has changed is noticed when it is
//! read, and is an error, never other bytes and never "not found".

mod blobs;
mod buckets;
mod condition;
mod deleting;
pub mod disk;
mod epoch;
mod error;
mod events;
mod finding;
mod folder;
mod footer;
mod growing;
mod health;
mod identity;
mod index;
mod intake;
mod labels;
mod lifecycle;
mod listing;
mod multipart;
mod objects;
mod opening;
mod options;
mod read;
mod reaper;
mod rebuild;
mod receive;
mod record;
mod room;
mod rows;
mod scrub;
mod sweep;
mod tables;
mod upload_rows;
mod uploads;
mod usage;
mod watch;
mod writer;

pub use condition::WriteCondition;
pub use error::{OpenError, Refusal, StoreError};
pub use events::{CreatedBy, ObjectCreated, Receiver};
pub use folder::Store;
pub use growing::{Addition, Completion, Growing, Grown};
pub use health::Health;
pub use lifecycle::{Expired, LifecycleRule};
pub use listing::{Page, Query};
pub use multipart::{MIN_PART_BYTES, NamedPart};
pub use objects::{Address, Described, Found};
pub use options::{Clock, StoreOptions};
pub use read::ObjectStream;
pub use rebuild::{Rebuilt, rebuild};
pub use receive::{Body, Ended, Observer, Received, Room};
pub use record::{BucketRecord, Checksum, ChecksumAlgorithm, Digest, Headers, ObjectHead, PartRecord, UploadRecord};
pub use scrub::Scrubbed;
pub use uploads::UploadAddress;
pub use usage::{Listed, Stock, Usage};
pub use watch::{Listener, Notice, Trouble};
