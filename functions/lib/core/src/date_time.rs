//! XEP-0082's date-time profile, which is RFC 3339's.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::time::Timestamp;

/// Reads `CCYY-MM-DDThh:mm:ss[.sss]` with `Z` or `+hh:mm` (XEP-0082, section 3.2); fractions of a second are cut off,
/// `None` for anything else and for times before 1970.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    // RFC 3339 lets other characters stand between date and time, XEP-0082 does not.
    let read = OffsetDateTime::parse(text, &Rfc3339).ok().filter(|_| text.as_bytes().get(10) == Some(&b'T'))?;
    u64::try_from(read.unix_timestamp()).ok().map(Timestamp::from_seconds)
}

/// Writes it, in UTC; from the year 10000 on its last second.
#[must_use]
pub fn format(at: Timestamp) -> String {
    let at = utc(at);
    format!("{}T{:02}:{:02}:{:02}Z", at.date(), at.hour(), at.minute(), at.second())
}

/// For people: `2017-12-03 23:42 UTC`.
#[must_use]
pub fn to_minute(at: Timestamp) -> String {
    let at = utc(at);
    format!("{} {:02}:{:02} UTC", at.date(), at.hour(), at.minute())
}

/// The last second that four digits of a year can say.
pub const LAST: Timestamp = Timestamp::from_seconds(253_402_300_799);

fn utc(at: Timestamp) -> OffsetDateTime {
    let seconds = i64::try_from(at.min(LAST).as_seconds()).unwrap_or_default();
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn date_times_are_read_to_the_second() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0_i64),
            // XEP-0082, section 3.2: both are the same moment.
            ("1969-07-21T02:56:15Z", -1),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2017-12-03T23:42:05Z", 1_512_344_525),
            ("2017-12-03T23:42:05.999Z", 1_512_344_525),
            ("2017-12-04T00:42:05+01:00", 1_512_344_525),
            ("2017-12-03T18:12:05-05:30", 1_512_344_525),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            let read = parse(text).map(Timestamp::as_seconds);
            assert_eq!(read, u64::try_from(seconds).ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_time_is_refused() {
        for text in [
            "",
            "2017-12-03",
            "2017-12-03T23:42:05",
            "2017-12-03 23:42:05Z",
            "2017-13-03T23:42:05Z",
            "2017-00-03T23:42:05Z",
            "2017-02-29T23:42:05Z",
            "2100-02-29T23:42:05Z",
            "2017-12-00T23:42:05Z",
            "2017-12-03T24:00:00Z",
            "2017-12-03T23:60:00Z",
            "2017-12-03T23:42:60Z",
            "2017-12-03T23:42:05.Z",
            "2017-12-03T23:42:05Zx",
            "2017-12-03T23:42:05+1:00",
            "2017-12-03T23:42:05+0100",
            "+017-12-03T23:42:05Z",
            "0000-12-03T23:42:05Z",
            "tomorrow",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn date_times_are_written_in_utc() {
        for (seconds, text, minute) in [
            (0, "1970-01-01T00:00:00Z", "1970-01-01 00:00 UTC"),
            (1_512_344_525, "2017-12-03T23:42:05Z", "2017-12-03 23:42 UTC"),
            (253_402_300_800, "9999-12-31T23:59:59Z", "9999-12-31 23:59 UTC"),
            (u64::MAX, "9999-12-31T23:59:59Z", "9999-12-31 23:59 UTC"),
        ] {
            let at = Timestamp::from_seconds(seconds);
            assert_eq!((format(at).as_str(), to_minute(at).as_str()), (text, minute));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..=LAST.as_seconds()) {
            let at = Timestamp::from_seconds(seconds);
            prop_assert_eq!(parse(&format(at)), Some(at));
        }

        #[test]
        fn no_input_panics(text in any::<String>(), close in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{0,12}[Z+-].{0,5}") {
            let _ = (parse(&text), parse(&close));
        }
    }
}
