//! HMAC-SHA256 tokens in the query: mod_http_upload_external `v` and `v2`, Metronome's `token`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{secret::Secrets, upload_path::UploadPath};

/// Which of the three token dialects a MAC is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacProtocol {
    /// `v`: path and size (mod_http_upload_external version 1, ejabberd's `external_secret`).
    V1,
    /// `v2`: path, size and content type (mod_http_upload_external version 2).
    V2,
    /// `token`: Metronome; as `v2` for PUT, path and delete secret for DELETE.
    Token,
}

impl MacProtocol {
    /// Strongest first: where a URL carries several MACs, only the first of these counts.
    pub const BY_STRENGTH: [Self; 3] = [Self::V2, Self::Token, Self::V1];

    /// The query parameter that carries it.
    #[must_use]
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::V1 => "v",
            Self::V2 => "v2",
            Self::Token => "token",
        }
    }

    /// Whether the content type is part of the message.
    #[must_use]
    pub const fn signs_content_type(self) -> bool {
        !matches!(self, Self::V1)
    }
}

/// What v1 MACs: `<path> SP <size>`.
#[must_use]
pub fn size_message(path: &UploadPath, size: u64) -> String {
    format!("{path} {size}")
}

/// What v2 and token MAC for a PUT: `<path> NUL <size> NUL <content type>`.
#[must_use]
pub fn typed_message(path: &UploadPath, size: u64, content_type: &str) -> String {
    format!("{path}\0{size}\0{content_type}")
}

/// What Metronome MACs for a DELETE: `<path> NUL <delete secret>`. Holds a secret: never log it.
#[must_use]
pub fn delete_message(path: &UploadPath, delete_secret: &str) -> String {
    format!("{path}\0{delete_secret}")
}

/// A MAC as it came in the URL: exactly 64 hex digits of either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HexMac([u8; 32]);

impl HexMac {
    /// Reads it; `None` for any other length or character.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        let mut mac = [0; 32];
        hex::decode_to_slice(hex, &mut mac).ok()?;
        Some(Self(mac))
    }

    /// What the digits say.
    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether one of the secrets gives this MAC over `message`, compared in constant time.
    #[must_use]
    pub fn verifies(&self, secrets: &Secrets, message: &str) -> bool {
        secrets.iter().any(|secret| keyed(secret.as_bytes(), message.as_bytes()).verify_slice(&self.0).is_ok())
    }
}

/// HMAC-SHA256 over `message`, ready to be finished or compared.
pub fn keyed(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_64_hex_digits_of_either_case() {
        let digits = "0123456789abcdefABCDEF0123456789abcdefABCDEF0123456789abcdefABCD";
        assert_eq!(digits.len(), 64);
        assert!(HexMac::parse(digits).is_some());
        assert!(HexMac::parse(&digits[1..]).is_none());
        assert!(HexMac::parse(&format!("{digits}0")).is_none());
        assert!(HexMac::parse(&digits.replace('0', "g")).is_none());
        assert!(HexMac::parse("").is_none());
    }

    #[test]
    fn any_of_several_secrets_verifies() {
        let secrets = Secrets::parse("new\nold").unwrap();
        let message = "foo/bar.jpg 1";
        for key in ["new", "old"] {
            let mac = hex::encode(keyed(key.as_bytes(), message.as_bytes()).finalize().into_bytes());
            assert!(HexMac::parse(&mac.to_uppercase()).unwrap().verifies(&secrets, message));
            assert!(!HexMac::parse(&mac).unwrap().verifies(&secrets, "foo/bar.jpg 2"));
        }
    }
}
