//! For how long, and from when, a download's URL is signed.

use crate::time::Timestamp;

/// Within one such span, in seconds, the same file has the same URL, so that caches recognise it.
const WINDOW: u64 = 1_800;
/// Seconds a URL lives at the most, counted from the start of its window.
const LIFE: u64 = 3_600;
/// Seconds a client may remember the redirect at the most.
const MAX_AGE: u64 = 300;

/// When a URL is signed, how long it lives, and how long its redirect may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningWindow {
    /// The date of the signature: the start of the window, not the time of the request.
    pub signed_at: Timestamp,
    /// Seconds from `signed_at` until the URL stops working.
    pub expires_in: u64,
    /// Seconds the redirect may be cached: at most half of what is left of the URL's life.
    pub max_age: u64,
}

impl SigningWindow {
    /// The window of a download at `now`. The URL never outlives the file. The file must not have
    /// expired yet.
    #[must_use]
    pub fn at(now: Timestamp, file_expires: Option<Timestamp>) -> Self {
        let seconds = now.as_seconds();
        let signed_at = Timestamp::from_seconds(seconds - seconds % WINDOW);
        let expires_in = file_expires.map_or(LIFE, |at| LIFE.min(at.since(signed_at)));
        let left = signed_at.plus(expires_in).since(now);
        Self { signed_at, expires_in, max_age: MAX_AGE.min(left / 2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_800 * 1_000_000;

    fn at(now: u64, expires: Option<u64>) -> SigningWindow {
        SigningWindow::at(Timestamp::from_seconds(now), expires.map(Timestamp::from_seconds))
    }

    #[test]
    fn requests_of_one_window_get_one_url_and_the_next_window_another() {
        let url = |now| (at(now, None).signed_at, at(now, None).expires_in);
        assert_eq!(url(START), url(START + WINDOW - 1));
        assert_ne!(url(START), url(START + WINDOW));
    }

    #[test]
    fn a_redirect_is_forgotten_well_before_its_url_dies() {
        for offset in 0..WINDOW {
            let window = at(START + offset, None);
            let left = window.signed_at.plus(window.expires_in).since(Timestamp::from_seconds(START + offset));
            assert!(window.max_age * 2 <= left && window.max_age > 0);
        }
    }

    #[test]
    fn a_url_dies_with_its_file() {
        let window = at(START + 100, Some(START + 110));
        assert_eq!((window.expires_in, window.max_age), (110, 5));
        assert_eq!(at(START + 100, Some(START + 101)).max_age, 0);
        assert_eq!(at(START, Some(START + 9_999)).expires_in, LIFE);
    }
}
