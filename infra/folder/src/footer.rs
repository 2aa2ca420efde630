//! What stands behind the bytes of a blob file: a checksum for each block, so that damage is noticed while it is read,
//! and the label, so that a lost index can be made again from the files.
//!
//! ```text
//! bytes | CRC-32 of each block of 64 KiB, u32 | label, JSON | length of the bytes, u64 | length of the label, u32 |
//! CRC-32 of the label, u32 | "SATCHEL1"                                        (numbers in little-endian order)
//! ```

use std::io;
use std::ops::Range;

use crate::damage::{Damage, ReadError};
use crate::disk::DiskFile;
use crate::label::Label;

/// Bytes that one checksum covers.
pub(crate) const BLOCK: u64 = 64 * 1024;
const MAGIC: &[u8; 8] = b"SATCHEL1";
const TAIL: u64 = 24;
/// Read with the first look at a file: the footer of all but large ones.
const GLANCE: u64 = 4096;
const SUM: u64 = 4;
/// Longer labels are not believed: names and metadata of S3 have limits.
const MAX_LABEL: u32 = 8 << 20;

/// The checksums of a file's blocks, taken as it is written.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    done: Vec<u8>,
    block: crc32fast::Hasher,
    filled: u64,
    len: u64,
}

impl Sums {
    /// Bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = usize::try_from(BLOCK - self.filled).unwrap_or(bytes.len());
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.block.update(now);
            self.filled += now.len() as u64;
            if self.filled == BLOCK {
                self.close_block();
            }
            bytes = rest;
        }
    }

    fn close_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.done.extend_from_slice(&block.finalize().to_le_bytes());
        self.filled = 0;
    }

    /// The footer of the bytes so far.
    pub(crate) fn footer(mut self, label: &Label) -> io::Result<Vec<u8>> {
        if self.filled > 0 {
            self.close_block();
        }
        let label = serde_json::to_vec(label).map_err(io::Error::other)?;
        let label_len = u32::try_from(label.len()).map_err(io::Error::other)?;
        let mut footer = self.done;
        footer.extend_from_slice(&label);
        footer.extend_from_slice(&self.len.to_le_bytes());
        footer.extend_from_slice(&label_len.to_le_bytes());
        footer.extend_from_slice(&crc32fast::hash(&label).to_le_bytes());
        footer.extend_from_slice(MAGIC);
        Ok(footer)
    }
}

/// A blob file whose footer has been found.
#[derive(Debug)]
pub(crate) struct Checked {
    file: Box<dyn DiskFile>,
    name: String,
    /// Bytes before the footer.
    len: u64,
    label_len: u32,
    label_crc: u32,
    /// The end of the file, as far as it has been read.
    glance: Vec<u8>,
    glance_start: u64,
}

impl Checked {
    /// Finds the footer. `name` is for errors.
    pub(crate) fn of(file: Box<dyn DiskFile>, name: String) -> Result<Self, ReadError> {
        Self::read_by(read_at, file, name)
    }

    /// The same without waiting for the disk; `None` where that would be needed.
    pub(crate) fn of_cached(file: Box<dyn DiskFile>, name: String) -> Result<Option<Self>, ReadError> {
        unless_it_waits(Self::read_by(read_cached, file, name))
    }

    fn read_by(read: Read, file: Box<dyn DiskFile>, name: String) -> Result<Self, ReadError> {
        let total = file.length()?;
        let glance_start = total.saturating_sub(GLANCE);
        let mut glance = vec![0; usize::try_from(total - glance_start).map_err(io::Error::other)?];
        read(&*file, &mut glance, glance_start)?;
        let torn = || Damage::Footer(name.clone());
        let (_, tail) = glance.split_last_chunk::<{ TAIL as usize }>().ok_or_else(torn)?;
        let number = |at: usize| u32::from_le_bytes([tail[at], tail[at + 1], tail[at + 2], tail[at + 3]]);
        let len = u64::from(number(0)) | u64::from(number(4)) << 32;
        let (label_len, label_crc) = (number(8), number(12));
        let sums = len.div_ceil(BLOCK).saturating_mul(SUM);
        let expected = len.saturating_add(sums).saturating_add(u64::from(label_len)).saturating_add(TAIL);
        if &tail[16..] != MAGIC || label_len > MAX_LABEL || expected != total {
            return Err(torn().into());
        }
        Ok(Self { file, name, len, label_len, label_crc, glance, glance_start })
    }

    /// The bytes that it holds.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The same, if there are `expected`.
    pub(crate) fn of_length(self, expected: u64) -> Result<Self, ReadError> {
        if self.len == expected {
            return Ok(self);
        }
        Err(Damage::Length { file: self.name, found: self.len, expected }.into())
    }

    pub(crate) fn label(&self) -> Result<Label, ReadError> {
        let start = self.len + self.len.div_ceil(BLOCK) * SUM;
        let bytes = self.at(start..start + u64::from(self.label_len), read_at)?;
        let torn = || Damage::Footer(self.name.clone());
        if crc32fast::hash(&bytes) != self.label_crc {
            return Err(torn().into());
        }
        Ok(serde_json::from_slice(&bytes).map_err(|_| torn())?)
    }

    /// The bytes of `range`, which lies within the length, checked.
    pub(crate) fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        self.checked(range, read_at)
    }

    /// The same without waiting for the disk; `None` where that would be needed.
    pub(crate) fn read_cached(&self, range: Range<u64>) -> Result<Option<Vec<u8>>, ReadError> {
        unless_it_waits(self.checked(range, read_cached))
    }

    fn checked(&self, range: Range<u64>, read: Read) -> Result<Vec<u8>, ReadError> {
        let (first, behind) = (range.start / BLOCK, range.end.div_ceil(BLOCK));
        let whole = first * BLOCK..(behind * BLOCK).min(self.len);
        let mut bytes = self.at(whole.clone(), read)?;
        let sums = self.at(self.len + first * SUM..self.len + behind * SUM, read)?;
        for ((block, sum), number) in bytes.chunks(BLOCK as usize).zip(sums.chunks(SUM as usize)).zip(first..) {
            if crc32fast::hash(block).to_le_bytes() != sum {
                return Err(Damage::Block { file: self.name.clone(), start: number * BLOCK }.into());
            }
        }
        let skip = usize::try_from(range.start - whole.start).map_err(io::Error::other)?;
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        if skip > 0 {
            bytes.drain(..skip);
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Bytes of the file, from what has been read already where they are in it.
    fn at(&self, range: Range<u64>, read: Read) -> io::Result<Vec<u8>> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
        if range.start >= self.glance_start {
            let start = usize::try_from(range.start - self.glance_start).map_err(io::Error::other)?;
            if let Some(bytes) = self.glance.get(start..start + length) {
                return Ok(bytes.to_vec());
            }
        }
        let mut bytes = vec![0; length];
        read(&*self.file, &mut bytes, range.start)?;
        Ok(bytes)
    }
}

/// How bytes are read.
type Read = fn(&dyn DiskFile, &mut [u8], u64) -> io::Result<()>;

fn read_at(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_at(buffer, offset)
}

fn read_cached(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    if file.read_cached(buffer, offset) { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
}

fn unless_it_waits<T>(read: Result<T, ReadError>) -> Result<Option<T>, ReadError> {
    match read {
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        read => read.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, FileSystem};
    use proptest::prelude::*;
    use std::path::Path;

    fn label() -> Label {
        Label::Part { upload: "u".into(), number: 7 }
    }

    fn written(disk: &FileSystem, name: &str, bytes: &[u8]) -> Checked {
        let mut file = disk.create(Path::new(name)).unwrap();
        let mut sums = Sums::default();
        sums.update(bytes);
        file.append(bytes).unwrap();
        file.append(&sums.footer(&label()).unwrap()).unwrap();
        Checked::of(disk.open(Path::new(name)).unwrap(), name.into()).unwrap()
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n * 31 % 251) as u8).collect()
    }

    #[test]
    fn every_range_at_the_borders_of_blocks_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, _) = FileSystem::open(dir.path()).unwrap();
        let block = BLOCK as usize;
        for length in [0, 1, block - 1, block, block + 1, 2 * block, 70 * block + 5] {
            let bytes = pattern(length);
            let file = written(&disk, &length.to_string(), &bytes);
            assert_eq!((file.len(), file.label().unwrap()), (length as u64, label()));
            let borders = [0, 1, block - 1, block, block + 1, 2 * block - 1, length.saturating_sub(1), length];
            for (from, to) in borders.iter().flat_map(|from| borders.iter().map(move |to| (*from, *to))) {
                if from <= to && to <= length {
                    let range = from as u64..to as u64;
                    assert!(file.read(range.clone()).unwrap() == bytes[from..to], "{from}..{to} of {length}");
                    // Some file systems have nothing in memory, or do not say so.
                    let cached = file.read_cached(range).unwrap();
                    assert!(cached.is_none_or(|cached| cached == bytes[from..to]), "{from}..{to} of {length}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_flipped_bit_and_any_lost_end_is_noticed(length in 0usize..200_000, at: prop::sample::Index, bit in 0u8..8) {
            let dir = tempfile::tempdir().unwrap();
            let (disk, _) = FileSystem::open(dir.path()).unwrap();
            written(&disk, "f", &pattern(length));
            let path = dir.path().join("f");
            let whole = std::fs::read(&path).unwrap();
            let at = at.index(whole.len());
            let read = |bytes: &[u8]| -> Result<(), ReadError> {
                std::fs::write(&path, bytes).unwrap();
                let file = Checked::of(disk.open(Path::new("f")).unwrap(), "f".into())?.of_length(length as u64)?;
                file.label()?;
                file.read(0..length as u64).map(|_| ())
            };
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            prop_assert!(matches!(read(&flipped), Err(ReadError::Damaged(_))));
            prop_assert!(matches!(read(&whole[..at]), Err(ReadError::Damaged(_))));
        }
    }
}
