//! What systemd hands to a service and wants to hear from it: credentials (systemd.exec(5)) and states (sd_notify(3)).

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{self, ErrorKind},
    os::unix::net::UnixDatagram,
    path::Path,
    time::Duration,
};

use satchel_aws::bootstrap::environment;

use crate::health::Checkup;

/// A variable: from the environment, else from the credential of the same name, without the line end of its file.
/// `warn` is told of one that cannot be read.
#[must_use]
pub fn variable(name: &str, warn: impl Fn(&'static str, &str)) -> Option<String> {
    environment(name).or_else(|| credential(&env::var_os("CREDENTIALS_DIRECTORY")?, name, warn))
}

fn credential(folder: &OsStr, name: &str, warn: impl Fn(&'static str, &str)) -> Option<String> {
    match fs::read(Path::new(folder).join(name)) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            warn("credential_unreadable", &format!("the credential {name} cannot be read: {error}"));
            // Refused like what is not UTF-8: a secret that cannot be read must not be replaced by one that is made.
            Some(char::REPLACEMENT_CHARACTER.to_string())
        }
    }
}

/// Tells systemd that the service is up (`READY=1`) or about to end (`STOPPING=1`), where it wants to know.
/// `warn` is told where it cannot hear it.
pub fn notify(state: &str, warn: impl Fn(&'static str, &str)) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&socket, state) {
        warn("systemd_not_notified", &format!("systemd cannot be notified: {error}"));
    }
}

/// Keeps systemd's watchdog quiet, where there is one, as long as it does some good to go on. Does not return.
pub async fn keep_watch(checkup: &Checkup, warn: impl Fn(&'static str, &str) + Copy) {
    let Some(every) = watchdog(|name| env::var(name).ok(), std::process::id()) else {
        return std::future::pending().await;
    };
    let mut moments = tokio::time::interval(every);
    loop {
        moments.tick().await;
        let health = checkup.health().await;
        if health.condition.still_serves() {
            notify("WATCHDOG=1", warn);
        } else {
            warn("watchdog_unfed", &health.condition.to_string());
        }
    }
}

/// How often the watchdog of this process wants to hear something: half its patience, as sd_watchdog_enabled(3) says.
fn watchdog(variable: impl Fn(&str) -> Option<String>, process: u32) -> Option<Duration> {
    if variable("WATCHDOG_PID").is_some_and(|of| of.parse() != Ok(process)) {
        return None;
    }
    let patience: u64 = variable("WATCHDOG_USEC")?.parse().ok()?;
    Some(Duration::from_micros(patience / 2)).filter(|every| !every.is_zero())
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    UnixDatagram::unbound()?.send_to(state.as_bytes(), socket).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_credential_is_its_files_text_without_the_last_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let warned = Cell::new(0);
        let read = |name| credential(folder.path().as_os_str(), name, |_, _| warned.set(warned.get() + 1));
        for (name, bytes, expected) in [
            ("plain", b"secret".as_slice(), "secret"),
            ("a line", b"secret\n", "secret"),
            ("lines", b"new\nold\n", "new\nold"),
            ("spaces", b" secret \n\n", " secret \n"),
            ("no UTF-8", b"\xff", "\u{fffd}"),
        ] {
            fs::write(folder.path().join(name), bytes).unwrap();
            assert_eq!(read(name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(read("none"), None);
        fs::create_dir(folder.path().join("unreadable")).unwrap();
        assert_eq!(warned.get(), 0);
        assert_eq!((read("unreadable").as_deref(), warned.get()), (Some("\u{fffd}"), 1));
    }

    #[test]
    fn a_state_goes_to_the_socket_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let receiver = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), "READY=1").unwrap();
        let mut received = [0; 16];
        let length = receiver.recv(&mut received).unwrap();
        assert_eq!(&received[..length], b"READY=1");
        assert!(send(OsStr::new("/nowhere/notify"), "READY=1").is_err());
    }

    #[test]
    fn the_watchdog_of_this_process_is_heard_in_half_its_patience() {
        let half = |usec: Option<&str>, pid: Option<&str>| {
            let variable = |name: &str| if name == "WATCHDOG_PID" { pid } else { usec };
            watchdog(|name| variable(name).map(str::to_owned), 7)
        };
        for (usec, pid, expected) in [
            (Some("60000000"), Some("7"), Some(Duration::from_secs(30))),
            (Some("60000000"), None, Some(Duration::from_secs(30))),
            (Some("60000000"), Some("8"), None),
            (Some("1"), None, None),
            (Some("a minute"), None, None),
            (None, Some("7"), None),
        ] {
            assert_eq!(half(usec, pid), expected, "{usec:?} {pid:?}");
        }
    }
}
