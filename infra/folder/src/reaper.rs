//! The thread that removes blob files: unlinking a large file can take long, and no request should wait for it.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::thread;

use crate::blob_id::BlobId;
use crate::blobs::Blobs;

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
    thread::Builder::new().name("store-reaper".into()).spawn(move || run(&blobs, orders))?;
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
