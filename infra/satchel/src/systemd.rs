//! What systemd hands to a service and wants to hear from it: credentials (systemd.exec(5)) and states (sd_notify(3)).

use std::{env, ffi::OsStr, fs, io::ErrorKind, path::Path, time::Duration};

use satchel_aws::bootstrap::environment;
use sd_notify::NotifyState;

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

/// Tells systemd of a state, such as that the service is up, where it wants to know. `warn` is told where it cannot hear it.
pub fn notify(state: NotifyState<'_>, warn: impl Fn(&'static str, &str)) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn("systemd_not_notified", &format!("systemd cannot be notified: {error}"));
    }
}

/// Keeps systemd's watchdog quiet, where there is one, as long as it does some good to go on. Does not return.
pub async fn keep_watch(checkup: &Checkup, warn: impl Fn(&'static str, &str) + Copy) {
    let Some(every) = sd_notify::watchdog_enabled().and_then(half) else {
        return std::future::pending().await;
    };
    let mut moments = tokio::time::interval(every);
    loop {
        moments.tick().await;
        let health = checkup.health().await;
        if health.condition.still_serves() {
            notify(NotifyState::Watchdog, warn);
        } else {
            warn("watchdog_unfed", &health.condition.to_string());
        }
    }
}

/// How often a watchdog of this patience wants to hear something: twice in it, as sd_watchdog_enabled(3) says.
fn half(patience: Duration) -> Option<Duration> {
    Some(patience / 2).filter(|every| every.as_micros() > 0)
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
    fn a_watchdog_is_fed_twice_in_its_patience() {
        let micros = Duration::from_micros;
        for (patience, every) in [(60_000_000, Some(micros(30_000_000))), (2, Some(micros(1))), (1, None), (0, None)] {
            assert_eq!(half(micros(patience)), every, "{patience} us");
        }
    }
}
