//! XEP-0082's date-time profile, as far as an expiry needs it.

use crate::time::Timestamp;

const SECONDS_PER_DAY: i64 = 86_400;

/// Reads `CCYY-MM-DDThh:mm:ss[.sss]` with `Z` or `+hh:mm` (XEP-0082, section 3.2); fractions of a second are cut off,
/// `None` for anything else and for times before 1970.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T')?;
    let zone_at = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let seconds = days(date)? * SECONDS_PER_DAY + of_day(clock)? - offset(zone)?;
    u64::try_from(seconds).ok().map(Timestamp::from_seconds)
}

/// Days from 1970-01-01 to the date.
fn days(date: &str) -> Option<i64> {
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = lengths.get(..usize::try_from(month).ok()?.checked_sub(1)?)?.iter().sum::<i64>();
    let length = lengths.get(usize::try_from(month).ok()? - 1)?;
    let past = year.checked_sub(1).filter(|past| *past >= 0)?;
    let leap_days = past / 4 - past / 100 + past / 400;
    (1..=*length).contains(&day).then_some(past * 365 + leap_days + before + day - 1 - DAYS_BEFORE_1970)
}

/// From 0001-01-01, in the Gregorian calendar.
const DAYS_BEFORE_1970: i64 = 719_162;

/// Seconds since midnight.
fn of_day(clock: &str) -> Option<i64> {
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hours, minutes, seconds] = fields(clock, ':', [2, 2, 2])?;
    let digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let in_day = hours < 24 && minutes < 60 && seconds < 60;
    (digits && in_day).then_some((hours * 60 + minutes) * 60 + seconds)
}

/// Seconds that the zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let [hours, minutes] = fields(rest, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

/// Numbers of exactly so many digits.
fn fields<const N: usize>(text: &str, separator: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let parts: [&str; N] = text.split(separator).collect::<Vec<_>>().try_into().ok()?;
    let mut numbers = [0; N];
    for ((number, part), length) in numbers.iter_mut().zip(parts).zip(lengths) {
        *number =
            part.parse().ok().filter(|_| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))?;
    }
    Some(numbers)
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
    fn anything_else_is_refused() {
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

    proptest! {
        #[test]
        fn no_input_panics(text in any::<String>(), close in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{0,12}[Z+-].{0,5}") {
            let _ = (parse(&text), parse(&close));
        }
    }
}
