//! The ledger of the daily quota: read, then written back on the condition that nobody else has in between.

use satchel_core::{grant::OwnerId, object_key::Key};
use satchel_store::{Document, StoreError, editor::DocumentError};

use crate::{
    ledger::{self, Ledger, QuotaReached},
    slot::Slot,
    state::{Shelf, State},
};

/// In each round of a race one request gets through: this is for more at once than a person's devices send.
const TRIES: u32 = 50;

/// Why a slot's bytes are not reserved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuotaError {
    /// There are not enough left.
    #[error(transparent)]
    Reached(#[from] QuotaReached),
    /// The store failed.
    #[error(transparent)]
    Ledger(#[from] DocumentError),
    /// Others were faster, every time.
    #[error("the ledger changed {TRIES} times in a row")]
    Busy,
}

/// Takes a slot's bytes off its owner's day, where there is a quota; else does nothing at all. Should S3 write the ledger
/// and its answer be lost, the bytes are taken off twice, never not at all: another slot of that size makes the same ledger, so
/// that nobody can tell whose it is.
pub(crate) async fn reserve<S: Shelf>(state: &State<S>, slot: &Slot) -> Result<(), QuotaError> {
    let Some(quota) = state.config.policy.daily_quota else { return Ok(()) };
    let mut tries = 0..TRIES;
    let step = |object: Option<&Document>| {
        tries.next().ok_or(QuotaError::Busy)?;
        let ledger = object.and_then(|object| Ledger::parse(&object.body));
        let reserved = ledger::reserve(ledger, slot.grant.size, quota, state.clock.now())?;
        Ok(Some(reserved.to_json().into()))
    };
    state.ledgers.update(&Key::of_ledger(slot.owner), None, step).await
}

/// Bytes that an owner has been granted today.
pub(crate) async fn spent<S: Shelf>(state: &State<S>, owner: OwnerId) -> Result<u64, StoreError> {
    if state.config.policy.daily_quota.is_none() {
        return Ok(0);
    }
    let ledger = state.store.get(&Key::of_ledger(owner)).await?.and_then(|object| Ledger::parse(&object.body));
    Ok(ledger::spent(ledger, state.clock.now()))
}
