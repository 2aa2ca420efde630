//! For how long, and from when, a download's URL is signed.

use satchel_core::time::Timestamp;

/// Within one such span, in seconds, the same file has the same URL, so that caches recognise it; a URL that lives for
/// less than twice as long has half of its life.
const WINDOW: u64 = 1_800;
/// Seconds a URL lives where nothing else is asked for. A page that was left open keeps the URL, and asks for the rest of
/// a film with it.
pub const DEFAULT_LIFE: u64 = 86_400;
/// Seconds it lives at the least.
pub const MIN_LIFE: u64 = 60;
/// Seconds it lives at the most: S3 takes no more than seven days (AWS: "Authenticating Requests: Using Query Parameters").
pub const MAX_LIFE: u64 = 604_800;
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
    /// The window of a download at `now`, for a URL that lives `life` seconds from its start: at least half of them are
    /// left. The URL never outlives the file. The file must not have expired yet.
    #[must_use]
    pub fn at(now: Timestamp, life: u64, file_expires: Option<Timestamp>) -> Self {
        let life = life.clamp(MIN_LIFE, MAX_LIFE);
        let seconds = now.as_seconds();
        let signed_at = Timestamp::from_seconds(seconds - seconds % WINDOW.min(life / 2));
        let expires_in = file_expires.map_or(life, |at| life.min(at.since(signed_at)));
        let left = signed_at.plus(expires_in).since(now);
        Self { signed_at, expires_in, max_age: MAX_AGE.min(left / 2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: u64 = 1_800 * 1_000_000;

    fn at(now: u64, life: u64, expires: Option<u64>) -> SigningWindow {
        SigningWindow::at(Timestamp::from_seconds(now), life, expires.map(Timestamp::from_seconds))
    }

    #[test]
    fn requests_of_one_window_get_one_url_and_the_next_window_another() {
        for (life, window) in [(60, 30), (3_599, 1_799), (3_600, 1_800), (DEFAULT_LIFE, 1_800), (MAX_LIFE, 1_800)] {
            let url = |now| (at(now, life, None).signed_at, at(now, life, None).expires_in);
            let start = START.next_multiple_of(window);
            assert_eq!(url(start), url(start + window - 1), "{life}");
            assert_ne!(url(start), url(start + window), "{life}");
        }
    }

    #[test]
    fn a_url_dies_with_its_file() {
        let window = at(START + 100, DEFAULT_LIFE, Some(START + 110));
        assert_eq!((window.expires_in, window.max_age), (110, 5));
        assert_eq!(at(START + 100, DEFAULT_LIFE, Some(START + 101)).max_age, 0);
        assert_eq!(at(START, 3_600, Some(START + 9_999)).expires_in, 3_600);
    }

    proptest! {
        #[test]
        fn half_of_a_life_is_left_and_no_more_than_the_file_or_s3_allows(
            now in 0..u64::from(u32::MAX),
            life in MIN_LIFE..=MAX_LIFE,
            file in proptest::option::of(1..2 * MAX_LIFE),
        ) {
            let window = at(now, life, file.map(|file| now + file));
            let dies = window.signed_at.as_seconds() + window.expires_in;
            let left = dies - now;
            prop_assert!(window.signed_at.as_seconds() <= now);
            prop_assert!(now - window.signed_at.as_seconds() < WINDOW);
            prop_assert!(window.expires_in <= MAX_LIFE);
            prop_assert!(file.is_none_or(|file| left <= file));
            prop_assert!(left >= file.unwrap_or(life).min(life / 2), "{left}");
            prop_assert!(window.max_age * 2 <= left && window.max_age <= MAX_AGE, "forgotten well before it dies");
            prop_assert!(window.max_age > 0 || left < 2);
        }
    }
}
