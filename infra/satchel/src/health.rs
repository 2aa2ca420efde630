//! Whether files can be stored: for health checks, systemd's watchdog, the metrics and the status page.

use std::{fmt, io, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use rustix::fs::{StatVfsMountFlags, statvfs};
use tokio::{
    sync::Mutex,
    task::spawn_blocking,
    time::{Instant, timeout},
};

/// How long a check may take: a disk or a network that hangs does not fail.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a check is good for, however many ask.
const FRESH: Duration = Duration::from_secs(1);
/// With less there is hardly room for the index.
const LEAST_FREE: u64 = 16 * 1024 * 1024;

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Bytes that can still be stored, where that is known.
    pub free_bytes: Option<u64>,
    /// How it is.
    pub condition: Condition,
}

/// How a store is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Condition {
    /// Files can be stored.
    #[error("files can be stored")]
    Ok,
    /// No room.
    #[error("the disk is full; make room, or set SATCHEL_MAX_TOTAL_BYTES")]
    Full,
    /// No writing.
    #[error(
        "the file system is mounted read-only; mount it for writing, and look into the system's log for why it is not"
    )]
    ReadOnly,
    /// Another folder, or none, where it was.
    #[error("the data folder is gone, or another is in its place; put it back and restart")]
    Removed,
    /// Something else, in the system's words.
    #[error("the data folder cannot be used: {0}")]
    Failing(String),
}

impl Condition {
    /// Whether files can be stored.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        *self == Self::Ok
    }

    /// Whether it does some good to go on: files can be downloaded, and room is made by what expires. A new start would not
    /// bring a folder back that is gone: it would begin an empty one in its place, and shadow the files.
    #[must_use]
    pub fn still_serves(&self) -> bool {
        !matches!(self, Self::Failing(_))
    }
}

/// A store's own check.
#[derive(Clone)]
pub struct Check(Arc<dyn Fn() -> Health + Send + Sync>);

impl Check {
    /// Asks `how`, which may block.
    pub fn new(how: impl Fn() -> Health + Send + Sync + 'static) -> Self {
        Self(Arc::new(how))
    }

    /// What the system says of a folder: the check of a store that has none of its own.
    ///
    /// # Errors
    /// The folder is not there from the start.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        let (folder, own) = (folder.to_owned(), identity(folder)?);
        Ok(Self::new(move || look_at(&folder, own)))
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").finish_non_exhaustive()
    }
}

/// Checks when asked, and not more often than makes sense.
#[derive(Debug)]
pub struct Checkup {
    check: Check,
    last: Mutex<Option<(Instant, Health)>>,
}

impl Checkup {
    /// Asks `check`.
    #[must_use]
    pub fn new(check: Check) -> Self {
        Self { check, last: Mutex::default() }
    }

    /// How it is now.
    pub async fn health(&self) -> Health {
        let mut last = self.last.lock().await;
        if let Some((at, health)) = &*last
            && at.elapsed() < FRESH
        {
            return health.clone();
        }
        let Check(check) = self.check.clone();
        let health = match timeout(PATIENCE, spawn_blocking(move || check())).await {
            Ok(Ok(health)) => health,
            Ok(Err(_)) => Health::failing("the check failed"),
            Err(_) => Health::failing("it does not answer"),
        };
        *last = Some((Instant::now(), health.clone()));
        health
    }
}

impl Health {
    fn failing(cause: impl Into<String>) -> Self {
        Self { free_bytes: None, condition: Condition::Failing(cause.into()) }
    }
}

fn look_at(folder: &Path, own: (u64, u64)) -> Health {
    match identity(folder) {
        Ok(found) if found == own => {}
        Ok(_) => return Health { free_bytes: None, condition: Condition::Removed },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Health { free_bytes: None, condition: Condition::Removed };
        }
        Err(error) => return Health::failing(error.to_string()),
    }
    let system = match statvfs(folder) {
        Ok(system) => system,
        Err(error) => return Health::failing(io::Error::from(error).to_string()),
    };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let condition = match free {
        _ if system.f_flag.contains(StatVfsMountFlags::RDONLY) => Condition::ReadOnly,
        ..LEAST_FREE => Condition::Full,
        _ => Condition::Ok,
    };
    Health { free_bytes: Some(free), condition }
}

fn identity(folder: &Path) -> io::Result<(u64, u64)> {
    folder.metadata().map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn a_folder_that_is_gone_or_replaced_is_no_store_any_more() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("data");
        assert!(Check::of_folder(&folder).is_err());
        fs::create_dir(&folder).unwrap();
        let Check(check) = Check::of_folder(&folder).unwrap();
        let Health { free_bytes, condition } = check();
        assert!(condition.is_ok() && free_bytes.is_some_and(|free| free > LEAST_FREE), "{condition}");
        fs::rename(&folder, place.path().join("moved")).unwrap();
        assert_eq!(check(), Health { free_bytes: None, condition: Condition::Removed });
        fs::create_dir(&folder).unwrap();
        assert_eq!(check().condition, Condition::Removed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_is_asked_once_a_second_at_most() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&asked);
        let checkup = Checkup::new(Check::new(move || {
            counting.fetch_add(1, Ordering::Relaxed);
            Health { free_bytes: None, condition: Condition::Full }
        }));
        for expected in [1, 1, 2] {
            assert_eq!(checkup.health().await.condition, Condition::Full);
            assert_eq!(asked.load(Ordering::Relaxed), expected);
            tokio::time::advance(FRESH / 2).await;
        }
    }
}
