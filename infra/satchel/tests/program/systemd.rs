//! What the program tells systemd.

use std::{fs, os::unix::net::UnixDatagram, time::Duration};

use tempfile::TempDir;

use crate::process::Program;

/// The socket that systemd listens at.
struct Systemd {
    folder: TempDir,
    socket: UnixDatagram,
}

impl Systemd {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self { folder, socket }
    }

    /// After a command of the shell's, which the program then replaces.
    fn start(&self, before: &str, watchdog: &[(&str, &str)]) -> Program {
        let path = self.folder.path().join("notify");
        Program::start_with(before, &[&[("NOTIFY_SOCKET", path.to_str().unwrap())], watchdog].concat())
    }

    fn hear(&self) -> String {
        let mut heard = [0; 32];
        let length = self.socket.recv(&mut heard).unwrap();
        // Every state is a line.
        String::from_utf8_lossy(&heard[..length]).trim_end().to_owned()
    }
}

#[test]
fn the_watchdog_is_fed_also_where_the_data_folder_is_gone_which_is_said() {
    let systemd = Systemd::new();
    let program = systemd.start("export WATCHDOG_PID=$$", &[("WATCHDOG_USEC", "200000")]);
    let hear = || systemd.hear();
    assert_eq!([hear(), hear(), hear()], ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]);
    fs::rename(program.data(), systemd.folder.path().join("moved")).unwrap();
    while program.health() != 503 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    assert_eq!([hear(), hear()], ["WATCHDOG=1", "WATCHDOG=1"], "a new start would begin an empty folder");
}

#[test]
fn a_watchdog_of_another_process_or_without_patience_hears_nothing() {
    for watchdog in [
        &[("WATCHDOG_USEC", "2000"), ("WATCHDOG_PID", "1")][..],
        &[("WATCHDOG_USEC", "1")],
        &[("WATCHDOG_USEC", "a minute")],
    ] {
        let systemd = Systemd::new();
        let program = systemd.start("", watchdog);
        assert_eq!(systemd.hear(), "READY=1");
        systemd.socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert!(systemd.socket.recv(&mut [0; 32]).is_err(), "{watchdog:?}");
        assert_eq!(program.health(), 200);
    }
}

#[test]
fn a_systemd_that_cannot_be_told_is_warned_of() {
    let program = Program::start(&[("NOTIFY_SOCKET", "/nowhere/notify")]);
    while !program.errors().contains("systemd cannot be notified: ") {
        assert_eq!(program.health(), 200);
    }
}
