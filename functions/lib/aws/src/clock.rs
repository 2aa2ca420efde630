//! The two things no decision may take by itself: the time and randomness.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use satchel_core::{grant::UploadId, time::Timestamp};

/// Where the time comes from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// Seconds since the epoch, set by a test.
    Fixed(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands still.
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicU64::new(at.as_seconds())))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_seconds(match self {
            Self::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            Self::Fixed(seconds) => seconds.load(Ordering::Relaxed),
        })
    }
}

impl Clock {
    /// The time now in milliseconds since the epoch, as exact as the clock is.
    #[must_use]
    pub fn milliseconds(&self) -> u64 {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            }
            Self::Fixed(_) => self.now().as_seconds().saturating_mul(1_000),
        }
    }
}

/// Bytes from the operating system's randomness.
///
/// # Errors
/// The operating system has none to give.
pub fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], getrandom::Error> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A fresh upload id from the operating system's randomness.
///
/// # Errors
/// The operating system has none to give.
pub fn fresh_upload_id() -> Result<UploadId, getrandom::Error> {
    random().map(UploadId::from_random)
}
