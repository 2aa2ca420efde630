//! What a file has in the cache and what it has for good: whole blocks in any order, and torn ones.

use std::mem::take;

use serde::{Deserialize, Serialize};

use crate::random::Random;

const BLOCK: usize = 4096;
const SECTOR: usize = 512;

/// Bytes, and those of them that are for good.
#[derive(Debug, Default)]
pub struct Content {
    pub now: Vec<u8>,
    durable: Vec<u8>,
    pub pending: Vec<Change>,
}

#[derive(Debug)]
pub enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
}

/// What becomes of what was not synced.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Rest {
    /// Percentage of names that are kept; none after the first that is not.
    pub names: usize,
    /// Percentage of blocks that are kept.
    pub blocks: usize,
    /// What is where a file has grown and its bytes are not there.
    pub filler: u8,
}

impl Rest {
    pub const NOTHING: Self = Self { names: 0, blocks: 0, filler: 0 };
    pub const ALL: Self = Self { names: 100, blocks: 100, filler: 0 };

    pub fn some(random: &mut Random) -> Self {
        let (names, blocks) = (random.pick(&[0, 50, 90, 100]), random.pick(&[0, 20, 50, 80, 100]));
        Self { names, blocks, filler: random.pick(&[0, 0xa5]) }
    }
}

impl Content {
    pub fn sync(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write(at, bytes) => place(&mut self.durable, at, &bytes, 0),
                Change::Resize(length) => self.durable.resize(length, 0),
            }
        }
    }

    pub fn forget(&mut self, rest: &Rest, random: &mut Random) {
        for change in take(&mut self.pending) {
            match change {
                // What comes after a length that is not kept is not kept either.
                Change::Resize(_) if !random.chance(rest.blocks) => break,
                Change::Resize(length) => self.durable.resize(length, 0),
                Change::Write(at, bytes) => self.keep_some(at, &bytes, rest, random),
            }
        }
        self.now.clone_from(&self.durable);
    }

    fn keep_some(&mut self, mut at: usize, mut bytes: &[u8], rest: &Rest, random: &mut Random) {
        while !bytes.is_empty() {
            let (block, others) = bytes.split_at(bytes.len().min(BLOCK - at % BLOCK));
            let end = at + block.len();
            if random.chance(rest.blocks) {
                place(&mut self.durable, at, block, rest.filler);
            } else if rest.blocks > 0 && random.chance(20) {
                // Torn, between two sectors.
                let first = (SECTOR - at % SECTOR).min(block.len());
                let some = (first + SECTOR * random.below(BLOCK / SECTOR)).min(block.len());
                place(&mut self.durable, at, &block[..some], rest.filler);
            } else if rest.blocks > 0 && random.chance(20) && self.durable.len() < end {
                self.durable.resize(end, rest.filler);
            }
            (at, bytes) = (end, others);
        }
    }
}

pub fn place(into: &mut Vec<u8>, at: usize, bytes: &[u8], filler: u8) {
    let end = at + bytes.len();
    if into.len() < at {
        into.resize(at, filler);
    }
    let overlap = bytes.len().min(into.len() - at);
    into[at..at + overlap].copy_from_slice(&bytes[..overlap]);
    into.extend_from_slice(&bytes[overlap..]);
    debug_assert!(into.len() >= end);
}
