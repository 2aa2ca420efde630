//! What people are shown of a stack: where it is, where its files are, where its secret is. At the start and on the status
//! page.

use std::{net::SocketAddr, path::Path};

use satchel_listener::Address;

use crate::settings::Settings;

/// What stands in place of a secret that must not be shown.
pub const HIDDEN: &str = "...";

/// Where the gateway is, as a URL where it has one.
pub fn address(address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("http://{address}"),
        unix @ Address::Unix(_) => unix.to_string(),
    }
}

/// Where files are.
pub fn store(s3: Option<SocketAddr>, data: &Path, settings: &Settings) -> String {
    let (data, days) = (data.display(), settings.get("SATCHEL_RETENTION_DAYS"));
    match s3 {
        Some(address) => format!("{data} (S3 on http://{address}), deleted after {days} days"),
        None if settings.embedded() => format!("{data}, deleted after {days} days"),
        None => format!("bucket {} at {}", settings.get("SATCHEL_BUCKET"), settings.get("AWS_ENDPOINT_URL_S3")),
    }
}

/// Where the secret is. One from the environment is known to whoever set it, and printing it would put it into
/// journals.
pub fn secret_note(settings: &Settings) -> &'static str {
    match settings.made_secret() {
        Some(_) => "the secret was made for you and is kept in the data folder",
        None => "the secret is the first line of SATCHEL_UPLOAD_SECRETS",
    }
}
