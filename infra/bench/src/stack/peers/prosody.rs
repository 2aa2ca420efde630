//! Debian's Prosody with its own mod_http_file_share. It verifies tokens with a secret that it is given, so that they can
//! be made here, without an XMPP client that asks for slots.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::super::process::{Process, free_address};
use crate::{error::BenchError, programs, tokens::SECRET};

/// The component, by which Prosody tells requests apart.
pub const HOST: &str = "upload.example.org";
/// Longer than any run.
const LIFE: Duration = Duration::from_secs(86_400);

/// Starts it; `None` where it is not installed.
///
/// # Errors
/// It does not start.
pub fn start(name: &'static str, folder: &Path) -> Result<Option<(Process, SocketAddr)>, BenchError> {
    let Some(program) = programs::find("prosody") else { return Ok(None) };
    let (address, config) = (free_address()?, folder.join("prosody.cfg.lua"));
    fs::write(&config, configuration(folder, address))?;
    let mut command = Command::new(program);
    Ok(Some((Process::listening(name, command.arg("-F").arg("--config").arg(&config), address)?, address)))
}

fn configuration(folder: &Path, address: SocketAddr) -> String {
    let (folder, port) = (folder.display(), address.port());
    format!(
        "run_as_root = true
pidfile = \"{folder}/prosody.pid\"
data_path = \"{folder}/data\"
log = {{ info = \"{folder}/prosody.log\" }}
interfaces = {{ \"127.0.0.1\" }}
http_ports = {{ {port} }}
http_interfaces = {{ \"127.0.0.1\" }}
https_ports = {{}}
c2s_ports = {{}}
s2s_ports = {{}}
modules_disabled = {{ \"c2s\", \"s2s\", \"tls\" }}
VirtualHost \"example.org\"
Component \"{HOST}\" \"http_file_share\"
    http_file_share_secret = \"{SECRET}\"
"
    )
}

/// mod_http_file_share takes one name for a slot, and keeps the file's own behind it.
fn slot(name: &str) -> String {
    name.replace(['/', '.'], "-")
}

/// The path of a file.
pub fn target(name: &str) -> String {
    format!("/file_share/{}/measured.bin", slot(name))
}

/// The header line that allows a PUT, with what Prosody 0.12 puts into its tokens.
pub fn authorization(name: &str, bytes: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (issued, expires) = (now.as_secs(), (now + LIFE).as_secs());
    let claims = json!({
        "sub": "romeo@example.org",
        "iat": issued,
        "exp": expires,
        "slot": slot(name),
        "expires": expires,
        "filename": "measured.bin",
        "filesize": bytes,
        "filetype": "application/octet-stream",
    });
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let signed = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) else { return String::new() };
    mac.update(signed.as_bytes());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("Authorization: Bearer {signed}.{signature}")
}
