//! The protocol in general: tus 1.0.0 (<https://tus.io/protocols/resumable-upload>), its versions, names and times.

use std::time::{Duration, UNIX_EPOCH};

use satchel_core::time::Timestamp;

/// The one version of the protocol (`Tus-Version`, `Tus-Resumable`).
pub const VERSION: &str = "1.0.0";
/// What `Tus-Extension` says.
pub const EXTENSIONS: &str = "creation,creation-with-upload,expiration,checksum,termination";
/// The media type of a chunk.
pub const CHUNK_TYPE: &str = "application/offset+octet-stream";

/// The lifecycle rule ends multipart uploads a day after they began, at the earliest; an hour is left for a last
/// request that takes its time. In seconds.
const LIFE: u64 = 23 * 60 * 60;

/// Until when an upload that begins `now` can be resumed: 23 hours, or less where the file itself expires before.
#[must_use]
pub fn expiry(now: Timestamp, file_expires: Option<Timestamp>) -> Timestamp {
    let own = now.plus(LIFE);
    file_expires.map_or(own, |at| own.min(at))
}

/// A point in time as `Upload-Expires` has it: RFC 9110, section 5.6.7 (IMF-fixdate). Later than the year 9999 is the
/// end of that year, as the format has four digits.
#[must_use]
pub fn http_date(at: Timestamp) -> String {
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at.as_seconds().min(LAST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_never_outlives_its_file_nor_the_lifecycle_rule() {
        let now = Timestamp::from_seconds(1_000);
        assert_eq!(expiry(now, None), now.plus(82_800));
        assert_eq!(expiry(now, Some(now.plus(82_799))), now.plus(82_799));
        assert_eq!(expiry(now, Some(now.plus(82_801))), now.plus(82_800));
    }

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(http_date(Timestamp::from_seconds(1_403_712_000)), "Wed, 25 Jun 2014 16:00:00 GMT");
        assert_eq!(http_date(Timestamp::from_seconds(u64::MAX)), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
