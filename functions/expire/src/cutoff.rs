//! Making room under a total limit: the newest files that fit are kept, all older ones go.
//!
//! What is kept depends on newer files alone. So of two runs at once, or of one that goes on where another stopped,
//! none takes a file that the other would have kept. Memory does not grow with the number of files: bytes are added up
//! by the hour, then by the second of the one hour in which the room ends.

use std::collections::BTreeMap;

use satchel_core::time::Timestamp;

const SECONDS_PER_HOUR: u64 = 3_600;

/// Bytes by age.
#[derive(Debug, Clone)]
pub struct Ages {
    width: u64,
    bytes: BTreeMap<u64, u64>,
}

/// Where the room ends: in a span of [`Ages`], of which `left` bytes fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    start: u64,
    width: u64,
    left: u64,
}

impl Default for Ages {
    /// Adds up by the hour.
    fn default() -> Self {
        Self { width: SECONDS_PER_HOUR, bytes: BTreeMap::new() }
    }
}

impl Ages {
    /// Takes a file of `size` bytes in, stored at `at`.
    pub fn add(&mut self, at: Timestamp, size: u64) {
        let span = self.bytes.entry(at.as_seconds() / self.width).or_default();
        *span = span.saturating_add(size);
    }

    /// Where the room of `room` bytes ends, counted from the newest; `None` where everything fits.
    #[must_use]
    pub fn cut(&self, room: u64) -> Option<Cut> {
        let mut left = room;
        for (span, bytes) in self.bytes.iter().rev() {
            match left.checked_sub(*bytes) {
                Some(rest) => left = rest,
                None => return Some(Cut { start: span * self.width, width: self.width, left }),
            }
        }
        None
    }
}

impl Cut {
    /// Whether the span in which the room ends has a file stored at `at`.
    #[must_use]
    pub fn spans(&self, at: Timestamp) -> bool {
        at.as_seconds() / self.width == self.start / self.width
    }

    /// Adds up the span itself, by the second.
    #[must_use]
    pub const fn by_second(&self) -> Ages {
        Ages { width: 1, bytes: BTreeMap::new() }
    }

    /// The cut within the span, when `ages` has its files. Where they all fit by now, nothing in the span goes.
    #[must_use]
    pub fn refine(&self, ages: &Ages) -> Sieve {
        let whole = Cut { start: self.start, width: 1, left: u64::MAX };
        Sieve { cut: ages.cut(self.left).unwrap_or(whole), full: false }
    }
}

/// Decides file by file. Of those stored in the second in which the room ends, the first ones that it is asked about
/// stay: it must be asked in the same order every time.
#[derive(Debug, Clone)]
pub struct Sieve {
    cut: Cut,
    full: bool,
}

impl Sieve {
    /// Whether a file of `size` bytes, stored at `at`, may stay.
    pub fn keeps(&mut self, at: Timestamp, size: u64) -> bool {
        if !self.cut.spans(at) {
            return at.as_seconds() > self.cut.start;
        }
        match self.cut.left.checked_sub(size) {
            Some(left) if !self.full => self.cut.left = left,
            _ => self.full = true,
        }
        !self.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type File = (u64, u64);

    /// The files that stay, as `expire` goes about it.
    fn kept(files: &[File], room: u64) -> Vec<File> {
        let mut hours = Ages::default();
        files.iter().for_each(|(at, size)| hours.add(Timestamp::from_seconds(*at), *size));
        let Some(cut) = hours.cut(room) else { return files.to_vec() };
        let mut seconds = cut.by_second();
        let in_span = files.iter().filter(|(at, _)| cut.spans(Timestamp::from_seconds(*at)));
        in_span.for_each(|(at, size)| seconds.add(Timestamp::from_seconds(*at), *size));
        let mut sieve = cut.refine(&seconds);
        files.iter().copied().filter(|(at, size)| sieve.keeps(Timestamp::from_seconds(*at), *size)).collect()
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        let files = [(10, 5), (7_200, 5), (7_201, 5), (90_000, 5)];
        for (room, stay) in
            [(20, &files[..]), (19, &files[1..]), (15, &files[1..]), (14, &files[2..]), (5, &files[3..])]
        {
            assert_eq!(kept(&files, room), stay, "{room}");
        }
        assert_eq!(kept(&files, 4), []);
        assert_eq!(kept(&files, 0), []);
    }

    #[test]
    fn of_one_second_the_first_stay() {
        let files = [(5, 3), (5, 3), (5, 1), (9, 2)];
        assert_eq!(kept(&files, 9), files);
        assert_eq!(kept(&files, 8), [(5, 3), (5, 3), (9, 2)]);
        assert_eq!(kept(&files, 6), [(5, 3), (9, 2)], "the small one is behind the one that does not fit");
    }

    #[test]
    fn a_span_that_fits_by_now_stays_whole() {
        let mut hours = Ages::default();
        [(10, 5), (3_600, 5)].iter().for_each(|(at, size)| hours.add(Timestamp::from_seconds(*at), *size));
        let cut = hours.cut(7).unwrap();
        let mut sieve = cut.refine(&cut.by_second());
        assert!(sieve.keeps(Timestamp::from_seconds(0), 9) && sieve.keeps(Timestamp::from_seconds(10), 9));
    }

    fn files() -> impl Strategy<Value = Vec<File>> {
        prop::collection::vec((0..20_000_u64, 0..100_u64), 0..40)
    }

    proptest! {
        #[test]
        fn what_stays_is_the_most_of_the_newest_that_fits(files in files(), room in 0..3_000_u64) {
            let kept = kept(&files, room);
            let total = |files: &[File]| files.iter().map(|(_, size)| size).sum::<u64>();
            prop_assert!(total(&kept) <= room);
            let gone = files.len() - kept.len();
            let mut ordered: Vec<_> = files.iter().copied().enumerate().collect();
            ordered.sort_by_key(|(order, (at, _))| (std::cmp::Reverse(*at), *order));
            let newest: Vec<_> = ordered.iter().map(|(_, file)| *file).take(kept.len()).collect();
            let (mut newest, mut same) = (newest, kept.clone());
            newest.sort_unstable();
            same.sort_unstable();
            prop_assert_eq!(newest, same, "the newest stay");
            if gone > 0 {
                prop_assert!(total(&kept) + ordered[kept.len()].1.1 > room, "and no fewer than fit");
            }
        }

        #[test]
        fn a_run_that_goes_on_after_another_takes_nothing_more(files in files(), room in 0..3_000_u64, stop in 0..40_usize) {
            let all = kept(&files, room);
            let doomed = files.iter().filter(|file| !all.contains(file)).take(stop).copied().collect::<Vec<_>>();
            let left: Vec<_> = files.iter().copied().filter(|file| !doomed.contains(file)).collect();
            let stay = kept(&left, room);
            prop_assert!(all.iter().all(|file| stay.contains(file)));
        }
    }
}
