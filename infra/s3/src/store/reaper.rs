//! The thread that removes blob files: unlinking a large file can take long, and no request should wait for it.

use std::collections::HashSet;
use std::fs;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::thread;

use super::blobs::{BlobId, Blobs};

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Remove these; nobody reads them any more.
    Remove(Vec<BlobId>),
    /// Answer when everything before this is done.
    Flush(SyncSender<()>),
}

/// Starts the thread. It ends when the last sender is gone.
pub(crate) fn start(blobs: Blobs) -> std::io::Result<Sender<Order>> {
    let (sender, orders) = channel();
    thread::Builder::new().name("s3-reaper".into()).spawn(move || run(&blobs, orders))?;
    Ok(sender)
}

fn run(blobs: &Blobs, orders: Receiver<Order>) {
    for order in orders {
        match order {
            Order::Remove(ids) => {
                ids.iter().for_each(|&id| blobs.remove(id));
                blobs.settle(ids.len());
            }
            Order::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}

/// Removes blobs of earlier openings that the index does not name: what a killed process left behind.
///
/// `named` must hold every blob of an earlier generation that the index named when, or after, the store opened.
/// Blobs of this generation are never touched, so writes in progress are safe.
pub(crate) fn sweep(blobs: &Blobs, named: &HashSet<BlobId>) {
    for shard in blobs.shards() {
        let Ok(entries) = fs::read_dir(&shard) else { continue };
        for entry in entries.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(BlobId::parse) else { continue };
            if id.generation < blobs.generation() && !named.contains(&id) {
                blobs.remove(id);
            }
        }
    }
}
