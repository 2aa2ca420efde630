//! S3's ObjectCreated events, as the bucket's notification would deliver them: what arrives under
//! `incoming/` is sealed.

use satchel_aws::{
    seal::{Sealed, seal},
    storage::{Storage, StorageError},
};
use satchel_s3::Receiver;

/// Seals what the events name until the store is gone. What fails is sealed on demand, with the first
/// download.
pub async fn run(storage: Storage, mut events: Receiver) {
    while let Some(event) = events.recv().await {
        if event.key.starts_with("incoming/")
            && let Err(error) = seal_key(&storage, &event.key).await
        {
            eprintln!("sealing failed, the first download will do it: {error}");
        }
    }
}

async fn seal_key(storage: &Storage, key: &str) -> Result<(), StorageError> {
    let Some(incoming) = storage.incoming_at(key).await? else { return Ok(()) };
    if let Sealed::WrongSize = seal(storage, &incoming).await? {
        eprintln!("discarded an upload of {} bytes where {} were granted", incoming.size, incoming.grant.size);
    }
    Ok(())
}
