//! Upload tokens as the XMPP servers make them. Each gives the target of a request.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::Sha256;

use super::client::Request;

/// The older of the secrets that the program has.
pub const SECRET: &str = "it-is-secret";

pub fn hmac(message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// `/upload/<path>` with everything escaped but unreserved characters, in lower case as Prosody writes it.
pub fn target(path: &str) -> String {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let segments: Vec<String> =
        path.split('/').map(|segment| utf8_percent_encode(segment, ESCAPED).to_string()).collect();
    format!("/upload/{}", segments.join("/"))
}

fn signed(path: &str, parameter: &str, message: &str) -> String {
    format!("{}?{parameter}={}", target(path), hex::encode(hmac(message)))
}

pub fn v1(path: &str, size: usize) -> String {
    signed(path, "v", &format!("{path} {size}"))
}

pub fn v2(path: &str, size: usize, content_type: &str) -> String {
    signed(path, "v2", &format!("{path}\0{size}\0{content_type}"))
}

pub fn metronome(path: &str, size: usize, content_type: &str) -> String {
    signed(path, "token", &format!("{path}\0{size}\0{content_type}"))
}

pub fn metronome_delete(path: &str, delete_secret: &str) -> String {
    signed(path, "token", &format!("{path}\0{delete_secret}"))
}

/// The Authorization header of mod_http_file_share.
pub fn bearer(claims: &Value) -> String {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&json!({"alg": "HS256", "typ": "JWT"})), encode(claims));
    format!("Bearer {message}.{}", BASE64_URL_SAFE_NO_PAD.encode(hmac(&message)))
}

/// Claims for `<slot>/<filename>`.
pub fn claims(slot: &str, filename: &str, size: usize, content_type: &str, exp: u64) -> Value {
    json!({
        "slot": slot, "filename": filename, "filesize": size, "filetype": content_type,
        "sub": "romeo@montague.example", "iat": exp - 300, "exp": exp,
    })
}

/// A PUT as a client of mod_http_file_share sends it.
pub fn jwt_put(target: &str, claims: &Value, body: &[u8]) -> Request {
    Request::new("PUT", target).header("Authorization", bearer(claims)).body(body)
}
