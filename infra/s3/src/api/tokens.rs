//! What listings send in place of keys: continuation tokens, and keys encoded for XML.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::EncodingType;
use s3s::{S3Result, s3_error};

/// What S3 leaves as it is under `encoding-type=url`.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// How keys are written in a listing. Control characters cannot be written in XML 1.0 at all, hence `url`.
#[derive(Clone, Copy)]
pub(super) struct Encoding(bool);

impl Encoding {
    /// Reads `encoding-type`.
    pub(super) fn parse(encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self(false)),
            Some(EncodingType::URL) => Ok(Self(true)),
            Some(_) => Err(s3_error!(InvalidArgument, "encoding-type must be url")),
        }
    }

    pub(super) fn write(self, key: String) -> String {
        if self.0 { utf8_percent_encode(&key, KEPT).to_string() } else { key }
    }
}

/// A token for going on after `key`. Opaque to clients, and safe in XML and URLs.
pub(super) fn seal(key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key)
}

/// Reads a token back.
pub(super) fn unseal(token: &str) -> S3Result<String> {
    let key = BASE64_URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}
