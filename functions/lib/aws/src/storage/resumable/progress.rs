//! How far an upload is, and how chunks of any size become parts that S3 takes.
//!
//! What does not fill a part yet waits in the incomplete-part object under `resuming/`, one for each path. That object is
//! also the one truth about the offset: S3 replaces it only where it is still what the request has read, so that of two requests
//! at once one wins. Bytes are first written there, and only then become a part: a part's content follows from what was
//! won, and whoever uploads a part of some number, however late, uploads the same bytes.

/// S3 takes no smaller parts but for the last (AWS: "Amazon S3 multipart upload limits").
const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
/// ListParts gives so many at once: with no more parts than that, completing takes as many requests for every file.
const MAX_PARTS: u64 = 1_000;

const PARTS: &str = "parts";
const FLUSHED: &str = "flushed";
const WAITING: &str = "waiting";

/// The least bytes that make a part of an upload of `length` bytes: 5 MiB, a little more for files above 4.88 GiB.
#[must_use]
pub fn part_bytes(length: u64) -> u64 {
    MIN_PART_BYTES.max(length.div_ceil(MAX_PARTS))
}

/// Why a chunk does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misplaced {
    /// The upload is elsewhere, or has been.
    Elsewhere,
    /// The chunk goes beyond the end.
    TooLong,
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Parts that S3 has.
    parts: u32,
    /// Bytes in them.
    flushed: u64,
    /// Bytes that wait in the incomplete-part object.
    waiting: u64,
}

impl Progress {
    /// That of an upload whose file is in its place.
    #[must_use]
    pub const fn ended(length: u64) -> Self {
        Self { parts: 0, flushed: length, waiting: 0 }
    }

    /// Bytes there are: `Upload-Offset`.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.flushed + self.waiting
    }

    /// Whether all bytes of an upload are there.
    #[must_use]
    pub const fn is_complete(self, length: u64) -> bool {
        self.offset() == length
    }

    /// Checks where a chunk is to go.
    ///
    /// # Errors
    /// See [`Misplaced`].
    pub fn accept(self, offset: u64, chunk: u64, length: u64) -> Result<(), Misplaced> {
        if offset != self.offset() {
            return Err(Misplaced::Elsewhere);
        }
        if chunk > length.saturating_sub(offset) {
            return Err(Misplaced::TooLong);
        }
        Ok(())
    }

    /// Whether the waiting bytes are enough for a part. They must become one before more is added to them.
    #[must_use]
    pub fn is_part_due(self, length: u64) -> bool {
        self.waiting >= part_bytes(length)
    }

    /// The number of the part that the waiting bytes become.
    #[must_use]
    pub const fn next_part(self) -> u32 {
        self.parts + 1
    }

    /// Whether bytes wait.
    #[must_use]
    pub const fn has_waiting(self) -> bool {
        self.waiting > 0
    }

    /// After the waiting bytes have become a part.
    #[must_use]
    pub const fn flushed(self) -> Self {
        Self { parts: self.parts + 1, flushed: self.flushed + self.waiting, waiting: 0 }
    }

    /// After `chunk` bytes have been added to those that wait.
    #[must_use]
    pub const fn extended(self, chunk: u64) -> Self {
        Self { waiting: self.waiting + chunk, ..self }
    }

    /// Whether S3's parts, number and size in bytes each, are the ones of this upload and no others.
    #[must_use]
    pub fn is_made_of(self, parts: impl IntoIterator<Item = (u32, u64)>) -> bool {
        let (mut count, mut bytes) = (0, 0);
        for (number, size) in parts {
            (count, bytes) = (count + 1, bytes + size);
            if number != count {
                return false;
            }
        }
        (count, bytes) == (self.parts, self.flushed)
    }

    /// User metadata of the incomplete-part object: names (without `x-amz-meta-`) and values.
    pub fn entries(self) -> impl Iterator<Item = (&'static str, String)> {
        let bytes = [(FLUSHED, self.flushed), (WAITING, self.waiting)].map(|(name, count)| (name, count.to_string()));
        [(PARTS, self.parts.to_string())].into_iter().chain(bytes)
    }

    /// Bytes that wait.
    #[must_use]
    pub const fn waiting(self) -> u64 {
        self.waiting
    }

    /// Reads it back; `None` for an object that is none of ours.
    #[must_use]
    pub fn read<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            parts: value(PARTS)?.parse().ok()?,
            flushed: value(FLUSHED)?.parse().ok()?,
            waiting: value(WAITING)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1024 * 1024;
    const GIB: u64 = 1024 * MIB;

    #[test]
    fn a_part_has_5_mib_unless_there_would_be_more_than_1000() {
        for (length, bytes) in [
            (0, 5 * MIB),
            (5 * MIB, 5 * MIB),
            (5_000 * MIB, 5 * MIB),
            (5_000 * MIB + 1, 5 * MIB + 1),
            (5 * GIB, 5_368_710),
        ] {
            assert_eq!(part_bytes(length), bytes, "{length}");
        }
    }

    #[test]
    fn a_part_is_due_with_its_last_byte() {
        let waiting = |bytes| Progress::default().extended(bytes);
        assert!(!waiting(5 * MIB - 1).is_part_due(GIB));
        assert!(waiting(5 * MIB).is_part_due(GIB));
        assert!(!waiting(5 * MIB).is_part_due(5 * GIB));
    }

    #[test]
    fn a_chunk_goes_to_the_offset_and_ends_with_the_upload() {
        let progress = Progress::default().extended(5).flushed().extended(2);
        assert_eq!(progress.accept(7, 3, 10), Ok(()));
        assert_eq!(progress.accept(7, 0, 7), Ok(()));
        assert_eq!(progress.accept(7, 4, 10), Err(Misplaced::TooLong));
        for announced in [0, 6, 8, u64::MAX] {
            assert_eq!(progress.accept(announced, 1, 10), Err(Misplaced::Elsewhere));
        }
    }

    #[test]
    fn an_upload_is_made_of_its_own_parts_alone() {
        let progress = Progress::default().extended(5).flushed().extended(2).flushed();
        assert!(progress.is_made_of([(1, 5), (2, 2)]));
        for parts in [&[][..], &[(1, 7)], &[(1, 5)], &[(1, 5), (3, 2)], &[(2, 5), (1, 2)], &[(1, 5), (2, 2), (3, 1)]] {
            assert!(!progress.is_made_of(parts.iter().copied()), "{parts:?}");
        }
    }

    proptest! {
        #[test]
        fn chunks_of_any_size_become_at_most_1000_parts_that_s3_takes(
            length in 1..5 * GIB,
            chunks in prop::collection::vec(1..9 * MIB, 1..40),
        ) {
            let (mut progress, mut least) = (Progress::default(), u64::MAX);
            for chunk in chunks.iter().cycle() {
                if progress.is_complete(length) {
                    break;
                }
                let chunk = (*chunk).min(length - progress.offset());
                prop_assert_eq!(progress.accept(progress.offset(), chunk, length), Ok(()));
                progress = progress.extended(chunk);
                if progress.is_part_due(length) {
                    least = least.min(progress.waiting);
                    progress = progress.flushed();
                }
                prop_assert!(progress.waiting < part_bytes(length));
                let metadata: Vec<_> = progress.entries().collect();
                let value = |name: &str| metadata.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
                prop_assert_eq!(Progress::read(value), Some(progress));
            }
            let last = if progress.has_waiting() { progress.flushed() } else { progress };
            prop_assert!(last.parts <= 1_000 && last.flushed == length && least >= MIN_PART_BYTES);
        }
    }
}
