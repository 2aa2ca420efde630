//! How much is let in: connections, of one client and in all, within the files that the system lets a process open.

use std::{io, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use satchel_core::config::{ConfigError, ConfigProblem};
use satchel_listener::{Patience, Room};

const CONNECTIONS: &str = "SATCHEL_MAX_CONNECTIONS";
const OF_ONE_CLIENT: &str = "SATCHEL_MAX_CONNECTIONS_PER_CLIENT";
const HEADER: &str = "SATCHEL_HEADER_TIMEOUT";
const MIN_FREE: &str = "SATCHEL_MIN_FREE_BYTES";

const MOST: usize = 1_000_000;
const LONGEST: usize = 3_600;
const HEADER_SECONDS: usize = 30;
/// Room for the index to grow, and for deleting, which writes first.
const MIN_FREE_BYTES: u64 = 64 << 20;

/// Descriptors that no connection gets: the store's index and standing files, log, sockets that listen.
const RESERVE: u64 = 128;
/// A connection and a file of the gateway's, and as much of the S3 server's on the folder, or of an S3 elsewhere.
const FOR_A_CONNECTION: u64 = 4;
/// What is let in however few descriptors there are.
const LEAST: usize = 16;

/// What the variables say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    room: Room,
    head: Duration,
    min_free_bytes: u64,
}

impl Limits {
    /// Reads the variables.
    ///
    /// # Errors
    /// Something that is no number, or too small or large a one.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let default = Room::default();
        let mut problems = Vec::new();
        let mut number = |name, most, default| match lookup(name).map(|text| text.trim().parse()) {
            None => default,
            Some(Ok(number)) if (1..=most).contains(&number) => number,
            Some(_) => {
                problems.push(ConfigProblem { name, problem: format!("not a whole number from 1 to {most}") });
                default
            }
        };
        let connections = number(CONNECTIONS, MOST, default.connections);
        let of_one_client = number(OF_ONE_CLIENT, MOST, default.of_one_client);
        let head = number(HEADER, LONGEST, HEADER_SECONDS);
        let head = Duration::from_secs(head as u64);
        let min_free_bytes = match lookup(MIN_FREE).map(|text| text.trim().parse()) {
            None => MIN_FREE_BYTES,
            Some(Ok(bytes)) => bytes,
            Some(Err(_)) => {
                problems.push(ConfigProblem { name: MIN_FREE, problem: "not a number of bytes".to_owned() });
                MIN_FREE_BYTES
            }
        };
        let limits = Self { room: Room { connections, of_one_client }, head, min_free_bytes };
        if problems.is_empty() { Ok(limits) } else { Err(ConfigError(problems)) }
    }

    /// How patient both servers are.
    #[must_use]
    pub fn patience(&self) -> Patience {
        Patience { head: self.head, ..Patience::default() }
    }

    /// A server's, of a process that may open so many files: the gateway's, and the S3 server's besides.
    #[must_use]
    pub fn of_server(&self, files: u64) -> Room {
        let affordable = usize::try_from(files.saturating_sub(RESERVE) / FOR_A_CONNECTION).unwrap_or(usize::MAX);
        Room { connections: self.room.connections.min(affordable.max(LEAST)), ..self.room }
    }

    /// How much of the disk uploads leave free, in bytes.
    #[must_use]
    pub fn min_free_bytes(&self) -> u64 {
        self.min_free_bytes
    }

    /// How many a client may have.
    #[must_use]
    pub fn of_one_client(&self) -> usize {
        self.room.of_one_client
    }
}

/// How many files this process may open.
#[must_use]
pub fn files() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Takes all that the system grants: the soft limit is for programs that cannot count beyond 1,024.
///
/// # Errors
/// The system grants nothing; the limit stays.
pub fn raise_files() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return Ok(());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_store() {
        let limits = Limits::parse(|_| None).unwrap();
        for (files, connections) in [(64, 16), (256, 32), (1_024, 224), (4_224, 1_024), (u64::MAX, 1_024)] {
            assert_eq!(limits.of_server(files).connections, connections, "{files}");
        }
        assert_eq!((limits.of_one_client(), limits.patience().head), (256, Duration::from_secs(30)));
    }

    #[test]
    fn limits_are_whole_numbers_within_reason() {
        let parse = |given: &'static str, value: &'static str| {
            Limits::parse(move |name| (name == given).then(|| value.to_owned()))
        };
        let limits = parse(CONNECTIONS, " 20 ").unwrap();
        assert_eq!(limits.of_server(u64::MAX).connections, 20);
        assert_eq!(parse(OF_ONE_CLIENT, "7").unwrap().of_one_client(), 7);
        assert_eq!(parse(HEADER, "3600").unwrap().patience().head, Duration::from_secs(3_600));
        for (name, value) in
            [(CONNECTIONS, "0"), (CONNECTIONS, "1000001"), (OF_ONE_CLIENT, "-1"), (HEADER, "3601"), (HEADER, "30s")]
        {
            let error = parse(name, value).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
