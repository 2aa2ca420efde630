//! What the stack prints when it is up: where it listens, and what to paste into Prosody.

use std::net::SocketAddr;

use satchel_s3::listener::Address;

use crate::{settings::Settings, stack::Stack};

/// mod_http_file_share's own default is 10 MB; people share videos.
const SUGGESTED_SIZE_LIMIT: u64 = 1024 * 1024 * 1024;

/// The message of a stack that has just started.
pub fn welcome(stack: &Stack, settings: &Settings) -> String {
    let limit = settings.get("SATCHEL_MAX_SIZE").parse().unwrap_or(SUGGESTED_SIZE_LIMIT);
    let base_url = stack.public_url().trim_end_matches('/');
    let (address, store) = (address(stack), store(stack, settings));
    let (secret, secret_note) = secret(settings);
    format!(
        r#"Satchel listens on {address}
Files: {store}
Paste this into prosody.cfg.lua, with a host name of yours; {secret_note}:

Component "upload.example.org" "http_file_share"
    http_file_share_base_url = "{base_url}"
    http_file_share_secret = "{secret}"
    http_file_share_size_limit = {limit}
    http_file_share_daily_quota = {quota}

README.md has the same for ejabberd, Metronome and mod_http_upload_external. Ctrl-C stops.
{warning}"#,
        warning = warning(stack, settings),
        quota = limit.saturating_mul(10),
    )
}

/// An address that means "all of this machine's" is none that a client could connect to.
fn warning(stack: &Stack, settings: &Settings) -> String {
    let gateway = match stack.address() {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) => None,
    };
    let everywhere = |address: Option<SocketAddr>| address.is_some_and(|address| address.ip().is_unspecified());
    let missing =
        [("SATCHEL_PUBLIC_URL", everywhere(gateway)), ("SATCHEL_S3_PUBLIC_URL", everywhere(stack.s3_address()))];
    let missing = missing.into_iter().filter(|(name, everywhere)| *everywhere && settings.get(name).is_empty());
    missing.map(|(name, _)| format!("Set {name} to the address by which clients reach this machine.\n")).collect()
}

fn address(stack: &Stack) -> String {
    match stack.address() {
        Address::Tcp(address) => format!("http://{address}"),
        unix @ Address::Unix(_) => unix.to_string(),
    }
}

fn store(stack: &Stack, settings: &Settings) -> String {
    match stack.s3_address() {
        Some(address) => {
            let days = settings.get("SATCHEL_RETENTION_DAYS");
            format!("{} (S3 on http://{address}), deleted after {days} days", stack.data().display())
        }
        None => format!("bucket {} at {}", settings.get("SATCHEL_BUCKET"), settings.get("AWS_ENDPOINT_URL_S3")),
    }
}

/// A secret from the environment is known to whoever set it, and printing it would put it into journals.
fn secret(settings: &Settings) -> (&str, &'static str) {
    match settings.made_secret() {
        Some(secret) => (secret, "the secret was made for you and is kept in the data folder"),
        None => ("...", "the secret is the first line of SATCHEL_UPLOAD_SECRETS"),
    }
}
