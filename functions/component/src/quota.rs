//! The ledger of the daily quota: read, then written back on the condition that nobody else has in between.

use std::time::Duration;

use satchel_core::{grant::OwnerId, object_key::Key};
use satchel_store::{Condition, StoreError, Written};

use crate::{
    ledger::{self, Ledger, QuotaReached},
    slot::Slot,
    state::{Shelf, State},
};

/// In each round of a race one request gets through: this is for more at once than a person's devices send.
const TRIES: u32 = 50;
/// The longest pause between two rounds, in milliseconds.
const MAX_PAUSE: u32 = 256;

/// Why a slot's bytes are not reserved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuotaError {
    /// There are not enough left.
    #[error(transparent)]
    Reached(#[from] QuotaReached),
    /// S3 failed.
    #[error(transparent)]
    Storage(#[from] StoreError),
    /// No randomness for a pause.
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// Others were faster, every time.
    #[error("the ledger changed {TRIES} times in a row")]
    Busy,
}

/// Takes a slot's bytes off its owner's day, where there is a quota; else does nothing at all. Should S3 write the ledger
/// and its answer be lost, the bytes are taken off twice, never not at all.
pub(crate) async fn reserve<S: Shelf>(state: &State<S>, slot: &Slot) -> Result<(), QuotaError> {
    let Some(quota) = state.config.policy.daily_quota else { return Ok(()) };
    let key = Key::of_ledger(slot.owner);
    for attempt in 0..TRIES {
        pause(attempt).await?;
        let found = state.store.get(&key).await?;
        let ledger = found.as_ref().and_then(|object| Ledger::parse(&object.body));
        let reserved = ledger::reserve(ledger, slot.grant.size, quota, state.clock.now())?;
        let condition = found.as_ref().map_or(Condition::Absent, |object| Condition::Matches(&object.etag));
        if state.store.put(&key, reserved.to_json().into(), condition).await? == Written::Done {
            return Ok(());
        }
    }
    Err(QuotaError::Busy)
}

/// Bytes that an owner has been granted today.
pub(crate) async fn spent<S: Shelf>(state: &State<S>, owner: OwnerId) -> Result<u64, StoreError> {
    if state.config.policy.daily_quota.is_none() {
        return Ok(0);
    }
    let ledger = state.store.get(&Key::of_ledger(owner)).await?.and_then(|object| Ledger::parse(&object.body));
    Ok(ledger::spent(ledger, state.clock.now()))
}

/// None before the first attempt, then a random one, longer from round to round (AWS: "Exponential backoff and jitter").
async fn pause(attempt: u32) -> Result<(), getrandom::Error> {
    if attempt > 0 {
        let longest = (8 << attempt.min(5)).min(MAX_PAUSE);
        tokio::time::sleep(Duration::from_millis((getrandom::u32()? % longest).into())).await;
    }
    Ok(())
}
