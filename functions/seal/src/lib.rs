//! `seal`: S3 says that something has arrived under `incoming/`; it becomes an object under `uploads/`, exactly once. Safe when an
//! event comes twice, late, or together with an on-demand seal.
//!
//! Knows events and what is counted of them; what sealing is, is `satchel_store::sealing`. Begin at [`handle`].

mod config;
mod state;

use std::time::Duration;

use satchel_aws::{
    s3_event::{self, ObjectCreated, S3EventError},
    sdk::{SdkConfig, SdkError},
    start::StartError,
};
use satchel_core::{config::FromEnvironment, object_key::StoredObject, outcome::EventFailure};
use satchel_store::{
    Incoming, Sealing, StoreError,
    sealing::{Sealed, seal},
};
use serde_json::{Value, json};

pub use config::SealConfig;
pub use state::State;

/// Lambda's time for one event, less some for the log (template.yaml: 300 s). S3 copies 5 GiB in a minute or so.
const COPY_DEADLINE: Duration = Duration::from_secs(280);

/// Reads the configuration.
///
/// # Errors
/// Bad or missing variables, all at once; missing credentials.
pub fn load(
    environment: impl Fn(&str) -> Option<String>,
    sdk: Result<SdkConfig, SdkError>,
) -> Result<State, StartError> {
    let state = State::load(SealConfig::parse(environment), sdk)?;
    Ok(State { store: state.store.clone().with_copy_deadline(COPY_DEADLINE), ..state })
}

/// Why an event is not done with; Lambda delivers it again.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No event of S3's: trying again would not help, but the failure must be seen.
    #[error(transparent)]
    Event(#[from] S3EventError),
    /// S3 failed for some uploads, which wait where they are.
    #[error("{failed} of {uploads} uploads could not be sealed; the last one: {cause}")]
    Storage {
        /// Uploads that were not sealed.
        failed: usize,
        /// Uploads in the event.
        uploads: usize,
        /// What became of the others.
        counts: Counts,
        /// What S3 said.
        cause: StoreError,
    },
}

impl EventFailure for SealError {
    fn done(&self) -> Option<Value> {
        match self {
            Self::Event(_) => None,
            Self::Storage { counts, .. } => Some(counts.to_json()),
        }
    }
}

/// Seals what an event names; gives what to log about it.
///
/// # Errors
/// See [`SealError`]. All uploads of the event have been tried by then.
pub async fn handle<S: Sealing>(state: &State<S>, event: Value) -> Result<Value, SealError> {
    let waiting: Vec<Incoming> = s3_event::created(event)?.into_iter().filter_map(waiting).collect();
    let (mut counts, mut failures) = (Counts::default(), Vec::new());
    for incoming in &waiting {
        match seal(&state.store, incoming).await {
            Ok(sealed) => counts.note(&sealed, incoming.size),
            Err(error) => failures.push(error),
        }
    }
    let (failed, uploads) = (failures.len(), waiting.len());
    match failures.pop() {
        None => Ok(counts.to_json()),
        Some(cause) => Err(SealError::Storage { failed, uploads, counts, cause }),
    }
}

/// What is not below `incoming/`, or not of our making, is nobody's upload.
fn waiting(created: ObjectCreated) -> Option<Incoming> {
    match StoredObject::parse(&created.key)? {
        StoredObject::Incoming(grant) => Some(Incoming { grant: *grant, size: created.size, etag: created.etag }),
        StoredObject::Upload(_) => None,
    }
}

/// What became of uploads. The first two are what the metrics count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    sealed: u64,
    sealed_bytes: u64,
    sealed_before: u64,
    discarded: u64,
    wrong_size: u64,
    gone: u64,
}

impl Counts {
    fn note(&mut self, sealed: &Sealed, size: u64) {
        match sealed {
            Sealed::Promoted => {
                self.sealed += 1;
                self.sealed_bytes += size;
            }
            Sealed::Ours => self.sealed_before += 1,
            Sealed::Lost => self.discarded += 1,
            Sealed::WrongSize => self.wrong_size += 1,
            Sealed::Gone => self.gone += 1,
        }
    }

    fn to_json(&self) -> Value {
        let Self { sealed, sealed_bytes, sealed_before, discarded, wrong_size, gone } = self;
        json!({
            "sealed": sealed,
            "sealed_bytes": sealed_bytes,
            "sealed_before": sealed_before,
            "discarded": discarded,
            "wrong_size": wrong_size,
            "gone": gone,
        })
    }
}
