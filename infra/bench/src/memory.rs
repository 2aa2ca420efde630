//! What a process holds of the machine's memory, as Linux counts it.

use std::{fs, io};

/// Kibibytes in memory.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Now (`VmRSS`).
    pub resident: u64,
    /// At most, so far (`VmHWM`).
    pub peak: u64,
}

/// Reads it off `/proc`.
///
/// # Errors
/// There is no such process.
pub fn of(process: u32) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    parse(&status).ok_or_else(|| io::Error::other("the process has ended"))
}

/// Whether it waits for something, as one does that has asked for an event and got none.
///
/// # Errors
/// There is no such process.
pub fn sleeps(process: u32) -> io::Result<bool> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok(status.lines().any(|line| line.starts_with("State:\tS")))
}

fn parse(status: &str) -> Option<Memory> {
    Some(Memory { resident: field(status, "VmRSS:")?, peak: field(status, "VmHWM:")? })
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_linux_are_read_and_those_of_a_zombie_are_none() {
        let memory = parse("Name:\tupload\nVmHWM:\t    4321 kB\nVmRSS:\t    1234 kB\n").unwrap();
        assert_eq!((memory.resident, memory.peak), (1_234, 4_321));
        assert!(parse("Name:\tupload\nState:\tZ (zombie)\n").is_none());
    }
}
