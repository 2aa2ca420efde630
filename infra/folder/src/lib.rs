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
//!
//! Where to begin, from the ground up: `disk.rs` is all that is asked of a file system, `blob_id.rs`, `footer.rs` and
//! `blobs.rs` are the files, `record.rs`, `rows.rs` and `index.rs` the index. `writer.rs` makes one commit of many writes,
//! with what takes effect only then in `tables.rs`; `epoch.rs` keeps what is being read. `folder.rs` holds all of these
//! together as [`Store`] and knows no operation. Each operation is a file above it: `objects.rs`, `finding.rs`, `read.rs`,
//! `deleting.rs`, `listing.rs`, `uploads.rs`, `growing.rs`, `lifecycle.rs`, `scrub.rs`. `opening.rs` and `start.rs` are the
//! beginning, `sweep.rs` and `rebuild.rs` come after an end that was none.

mod address;
mod blob_id;
mod blobs;
mod buckets;
mod condition;
mod damage;
mod deleting;
pub mod disk;
mod epoch;
mod error;
mod events;
mod finding;
mod folder;
mod footer;
mod found;
mod growing;
mod health;
mod identity;
mod index;
mod intake;
mod inventory;
mod label;
mod lifecycle;
mod listing;
mod multipart;
mod objects;
mod observer;
mod opening;
mod options;
mod read;
mod reaper;
mod rebuild;
mod receive;
mod record;
mod room;
mod rows;
mod rule;
mod scrub;
mod start;
mod stop;
mod sweep;
mod tables;
mod totals;
mod upload_rows;
mod uploads;
mod usage;
mod walk;
mod watch;
mod writer;

pub use address::{Address, UploadAddress};
pub use condition::WriteCondition;
pub use error::{OpenError, Refusal, StoreError};
pub use events::{CreatedBy, ObjectCreated, Receiver};
pub use folder::Store;
pub use found::Found;
pub use growing::{Addition, Completion, Growing, Grown};
pub use health::Health;
pub use lifecycle::Expired;
pub use listing::{Page, Query};
pub use multipart::{MIN_PART_BYTES, NamedPart};
pub use objects::Described;
pub use observer::Observer;
pub use options::{Clock, StoreOptions};
pub use read::ObjectStream;
pub use rebuild::{Rebuilt, rebuild};
pub use receive::{Body, Ended, Received, Room};
pub use record::{BucketRecord, Checksum, ChecksumAlgorithm, Digest, Headers, ObjectHead, PartRecord, UploadRecord};
pub use rule::LifecycleRule;
pub use scrub::Scrubbed;
pub use totals::{Stock, Usage};
pub use usage::Listed;
pub use watch::{Listener, Notice, Trouble};
