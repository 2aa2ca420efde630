//! What the stack prints when it is up: where it listens, and what to paste into the XMPP server's configuration.

use std::{
    io::{IsTerminal, stdout},
    net::SocketAddr,
    path::Path,
};

use satchel_listener::Address;

use crate::{
    paste::{Paste, pastes},
    settings::Settings,
    shown::{HIDDEN, address, secret_note, store},
    stack::Stack,
    terminal::LogFormat,
};

/// Says that a stack has started: where it is, and to people what to paste.
pub fn welcome(stack: &Stack, settings: &Settings, format: LogFormat) {
    let fields = [
        ("address", address(stack.address()).into()),
        ("public_url", stack.public_url().into()),
        ("status_page", stack.status_page().into()),
        ("store", store(stack.s3_address(), stack.data(), settings).into()),
        ("secret", Secret::of(settings, stack.data(), false).note.into()),
        ("warnings", warnings(stack, settings).into()),
    ];
    format.announce("started", &text(stack, settings, stdout().is_terminal()), fields);
}

/// The message to people. The secret is for a terminal alone: what goes to a file or a journal stays there, and others
/// may read it.
fn text(stack: &Stack, settings: &Settings, terminal: bool) -> String {
    let address = address(stack.address());
    let Secret { shown, note } = Secret::of(settings, stack.data(), terminal);
    let status = match stack.status_page() {
        Some(url) => format!("Status: {url}\n"),
        None => String::new(),
    };
    let pastes: String = pastes(stack.public_url(), settings, shown, &note).iter().map(paragraph).collect();
    format!(
        r#"Satchel listens on {address}
Files: {store}
{status}{pastes}README.md has the same for ejabberd, Metronome and mod_http_upload_external. Ctrl-C stops.
{warning}"#,
        store = store(stack.s3_address(), stack.data(), settings),
        warning = warnings(stack, settings).iter().map(|warning| format!("{warning}\n")).collect::<String>(),
    )
}

fn paragraph(Paste { file, note, lines }: &Paste) -> String {
    format!("Paste this into {file}, with a host name of yours; {note}:\n\n{lines}\n")
}

/// An address that means "all of this machine's" is none that a client could connect to.
fn warnings(stack: &Stack, settings: &Settings) -> Vec<String> {
    let gateway = match stack.address() {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) => None,
    };
    let everywhere = |address: Option<SocketAddr>| address.is_some_and(|address| address.ip().is_unspecified());
    let missing =
        [("SATCHEL_PUBLIC_URL", everywhere(gateway)), ("SATCHEL_S3_PUBLIC_URL", everywhere(stack.s3_address()))];
    let missing = missing.into_iter().filter(|(name, everywhere)| *everywhere && settings.get(name).is_empty());
    missing.map(|(name, _)| format!("Set {name} to the address by which clients reach this machine.")).collect()
}

/// The secret as it is printed.
struct Secret<'a> {
    shown: &'a str,
    /// Where it is.
    note: String,
}

impl<'a> Secret<'a> {
    fn of(settings: &'a Settings, data: &Path, terminal: bool) -> Self {
        match (settings.made_secret(), settings.secret_file(data)) {
            (Some(_), Some(file)) if !terminal => {
                Self { shown: HIDDEN, note: format!("the secret was made for you and is in {}", file.display()) }
            }
            (made, _) => Self { shown: made.unwrap_or(HIDDEN), note: secret_note(settings).to_owned() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_was_made_is_for_a_terminal_and_no_other_is_for_anybody() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let given = |name: &str| (name == "SATCHEL_UPLOAD_SECRETS").then(|| "from outside".to_owned());
        let (made, outside) = (Settings::load(data, |_| None).unwrap(), Settings::load(data, given).unwrap());
        let file = std::fs::read_to_string(data.join("upload-secret")).unwrap();
        assert_eq!(Secret::of(&made, data, true).shown, file.trim());
        let elsewhere = Secret::of(&made, data, false);
        assert_eq!(elsewhere.shown, HIDDEN);
        assert!(elsewhere.note.ends_with("/upload-secret") && !elsewhere.note.contains(file.trim()));
        for terminal in [true, false] {
            let secret = Secret::of(&outside, data, terminal);
            assert_eq!((secret.shown, secret.note.contains("SATCHEL_UPLOAD_SECRETS")), (HIDDEN, true));
        }
    }
}
