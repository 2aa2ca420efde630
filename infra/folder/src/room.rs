//! Room on the disk: uploads are refused while there is still enough of it for deleting, and a reserve is given up where
//! others have filled the disk. SQLite writes before it can delete.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::Disk;
use crate::error::StoreError;

const RESERVE: &str = "reserve";
/// With less, a commit might not find room for what it writes to the log.
const COMMIT: u64 = 4 << 20;

/// Watches over the room.
#[derive(Debug)]
pub(crate) struct Room {
    disk: Arc<dyn Disk>,
    /// Uploads leave so many bytes free.
    floor: u64,
    /// Size of the file that is given up when the disk is full.
    reserve: u64,
    held: Mutex<bool>,
    /// Bytes of uploads that were let in and are not written yet.
    promised: AtomicU64,
}

/// Room that an upload under way will take.
#[derive(Debug)]
pub(crate) struct Promise {
    room: Arc<Room>,
    left: u64,
}

impl Promise {
    /// So many bytes of it are taken.
    pub(crate) fn take(&mut self, bytes: u64) {
        let bytes = bytes.min(self.left);
        self.left -= bytes;
        self.room.promised.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.take(self.left);
    }
}

impl Room {
    pub(crate) fn new(disk: Arc<dyn Disk>, floor: u64, reserve: u64) -> Self {
        let held = disk.open(Path::new(RESERVE)).is_ok();
        Self { disk, floor, reserve, held: Mutex::new(held), promised: AtomicU64::new(0) }
    }

    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    pub(crate) fn free(&self) -> std::io::Result<u64> {
        self.disk.free()
    }

    /// Refuses what would leave less than the floor, and the reserve where it is given up.
    pub(crate) fn admit(&self, bytes: u64) -> Result<(), StoreError> {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = if held { self.floor } else { self.floor.saturating_add(self.reserve) };
        let free = self.disk.free()?;
        let promised = self.promised.load(Ordering::Relaxed);
        if free < kept.saturating_add(promised).saturating_add(bytes) {
            return Err(StoreError::Full { free, floor: kept });
        }
        Ok(())
    }

    /// Promises room for an upload, if there is some.
    pub(crate) fn promise(self: &Arc<Self>, bytes: u64) -> Result<Promise, StoreError> {
        self.admit(bytes)?;
        self.promised.fetch_add(bytes, Ordering::Relaxed);
        Ok(Promise { room: Arc::clone(self), left: bytes })
    }

    /// Gives the reserve up where a commit might not find room, and takes it again once there is enough.
    pub(crate) fn before_commit(&self) {
        self.restore();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if *held && self.disk.free().is_ok_and(|free| free < COMMIT) {
            // What cannot be removed is no room; the commit then says what is wrong.
            let _ = self.disk.remove(Path::new(RESERVE));
            let _ = self.disk.sync_dir(Path::new(""));
            *held = false;
        }
    }

    /// Takes the reserve again once there is room for it.
    pub(crate) fn restore(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self.floor.saturating_add(self.reserve);
        if !*held && self.reserve > 0 && self.disk.free().is_ok_and(|free| free >= wanted) {
            *held = self.disk.allocate(Path::new(RESERVE), self.reserve).is_ok();
        }
    }
}
