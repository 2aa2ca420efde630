//! The figures of the stack and its peers.

use serde::{Deserialize, Serialize};

use crate::statistics::median;

/// What the peers are called.
pub mod peers {
    /// The program.
    pub const SATCHEL: &str = "satchel";
    /// A server that does nothing but write and sync.
    pub const DURABLE: &str = "bare durable";
    /// Debian's.
    pub const NGINX: &str = "nginx";
    /// Debian's, with its own mod_http_file_share.
    pub const PROSODY: &str = "Prosody";
}

/// The stack over HTTP, beside its peers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StackFigures {
    /// Rounds that count.
    pub rounds: usize,
    /// Seconds of each load.
    pub seconds: f64,
    /// Peers that are not installed.
    pub missing: Vec<String>,
    /// One for each peer, method and size, in the order that they were measured in.
    pub loads: Vec<StackLoad>,
    /// The program's memory.
    pub memory: Peak,
}

/// Many requests of one kind to one peer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StackLoad {
    /// Its name, one of [`peers`].
    pub peer: String,
    /// PUT or GET.
    pub method: String,
    /// Of each file.
    pub bytes: u64,
    /// One for each round.
    pub rounds: Vec<StackRound>,
}

/// One load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StackRound {
    /// Requests per second.
    pub per_second: f64,
    /// Milliseconds: the median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// Microseconds of processor that a request takes of who makes it.
    pub client_us: f64,
    /// The same of who answers it.
    pub server_us: f64,
}

/// What the program had in memory at most, in kibibytes.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Peak {
    /// After all loads.
    pub loads_kib: u64,
    /// After 64 PUTs of 100 MiB at once, too.
    pub parallel_kib: u64,
}

impl StackFigures {
    /// One load of one peer.
    pub fn load(&self, peer: &str, method: &str, bytes: u64) -> Option<&StackLoad> {
        self.loads.iter().find(|load| load.peer == peer && load.method == method && load.bytes == bytes)
    }

    /// How many times the requests of `peer` the program answers in the same time: the median of the ratios within each
    /// round. `None` where one of them has no such load.
    pub fn ratio(&self, peer: &str, method: &str, bytes: u64) -> Option<f64> {
        let (own, others) = (self.load(peers::SATCHEL, method, bytes)?, self.load(peer, method, bytes)?);
        let pairs = own.rounds.iter().zip(&others.rounds);
        Some(median(&pairs.map(|(own, other)| own.per_second / other.per_second).collect::<Vec<_>>()))
    }
}

impl StackLoad {
    /// The median over the rounds.
    pub fn median(&self, figure: fn(&StackRound) -> f64) -> f64 {
        median(&self.rounds.iter().map(figure).collect::<Vec<_>>())
    }
}
