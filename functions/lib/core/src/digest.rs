//! Digests a client may announce: RFC 9530 `Content-Digest` and `Repr-Digest`, `x-checksum-sha256`.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use sha2::{Digest, Sha256};

use crate::{outcome::Failure, problem::Problem};

/// Where a digest is looked for, in this order. A PUT without content coding has one representation,
/// so the two RFC 9530 fields mean the same here (RFC 9530, section 3).
pub const DIGEST_HEADERS: [&str; 3] = ["content-digest", "repr-digest", CHECKSUM_HEADER];
const CHECKSUM_HEADER: &str = "x-checksum-sha256";

/// A SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sha256Digest([u8; 32]);

/// Why a digest is refused (400).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Not `sha-256=:<base64>:` (RFC 9530), or neither base64 nor hex (x-checksum-sha256).
    #[error("the {0} header has no readable SHA-256 digest")]
    Malformed(&'static str),
    /// The headers contradict each other.
    #[error("the digest headers name different SHA-256 digests")]
    Contradictory,
    /// The body has another digest.
    #[error("the body does not have the announced SHA-256 digest; nothing was stored, send it again")]
    Mismatch,
}

impl Sha256Digest {
    /// The digest the headers announce, if any does. RFC 9530 fields without sha-256 do not count.
    ///
    /// # Errors
    /// `Malformed`, `Contradictory`.
    pub fn announced<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<Option<Self>, DigestError> {
        let mut announced = None;
        for name in DIGEST_HEADERS {
            let Some(digest) = header(name).map(|value| parse(name, value)).transpose()?.flatten() else { continue };
            if announced.is_some_and(|known| known != digest) {
                return Err(DigestError::Contradictory);
            }
            announced = Some(digest);
        }
        Ok(announced)
    }

    /// The digest of a body.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// Wraps a digest computed elsewhere (a streamed body).
    #[must_use]
    pub const fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Checks a body.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn check(&self, body: &[u8]) -> Result<(), DigestError> {
        if Self::of(body) == *self { Ok(()) } else { Err(DigestError::Mismatch) }
    }

    /// Base64, as S3's `x-amz-checksum-sha256` wants it.
    #[must_use]
    pub fn to_base64(self) -> String {
        BASE64_STANDARD.encode(self.0)
    }
}

fn parse(name: &'static str, value: &str) -> Result<Option<Sha256Digest>, DigestError> {
    let digest = if name == CHECKSUM_HEADER { Some(checksum(value.trim())) } else { member(value).map(base64) };
    match digest {
        None => Ok(None),
        Some(Some(digest)) => Ok(Some(digest)),
        Some(None) => Err(DigestError::Malformed(name)),
    }
}

/// The value of the member `sha-256` of a dictionary of byte sequences (RFC 9651, sections 3.2, 3.3.5);
/// the last one counts, as the RFC says. Malformed ones come out as what no base64 is.
fn member(dictionary: &str) -> Option<&str> {
    let mut values = dictionary.split(',').filter_map(|member| member.trim().strip_prefix("sha-256="));
    let value = values.next_back()?;
    let bare = value.split(';').next().unwrap_or_default().trim_end();
    Some(bare.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).unwrap_or("?"))
}

fn base64(text: &str) -> Option<Sha256Digest> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok().map(Sha256Digest)
}

fn checksum(text: &str) -> Option<Sha256Digest> {
    let mut digest = [0; 32];
    match hex::decode_to_slice(text, &mut digest) {
        Ok(()) => Some(Sha256Digest(digest)),
        Err(_) => base64(text),
    }
}

impl Failure for DigestError {
    fn problem(&self) -> Problem {
        let code = if *self == Self::Mismatch { "digest_mismatch" } else { "digest_malformed" };
        Problem::new(StatusCode::BAD_REQUEST, code, self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const EMPTY_BASE64: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn announced(headers: &[(&str, &str)]) -> Result<Option<Sha256Digest>, DigestError> {
        Sha256Digest::announced(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }

    #[test]
    fn every_spelling_of_a_digest_is_read() {
        let empty = Sha256Digest::of(b"");
        assert_eq!(empty.to_base64(), EMPTY_BASE64);
        for (name, value) in [
            ("content-digest", format!("sha-256=:{EMPTY_BASE64}:")),
            ("repr-digest", format!("sha-512=:AAAA:, sha-256=:{EMPTY_BASE64}: ;x=1")),
            ("x-checksum-sha256", EMPTY_HEX.to_owned()),
            ("x-checksum-sha256", EMPTY_HEX.to_uppercase()),
            ("x-checksum-sha256", EMPTY_BASE64.to_owned()),
        ] {
            assert_eq!(announced(&[(name, &value)]), Ok(Some(empty)), "{name}: {value}");
        }
        assert_eq!(announced(&[]), Ok(None));
        assert_eq!(announced(&[("content-digest", "sha-512=:AAAA:")]), Ok(None));
    }

    #[test]
    fn unreadable_and_contradictory_digests_are_refused() {
        for (name, value) in [
            ("content-digest", "sha-256=abc"),
            ("content-digest", "sha-256=:AAAA:"),
            ("x-checksum-sha256", "abc"),
            ("x-checksum-sha256", ""),
        ] {
            assert!(matches!(announced(&[(name, value)]), Err(DigestError::Malformed(_))), "{name}: {value}");
        }
        let other = format!("sha-256=:{}:", Sha256Digest::of(b"x").to_base64());
        assert_eq!(
            announced(&[("content-digest", &other), ("x-checksum-sha256", EMPTY_HEX)]),
            Err(DigestError::Contradictory)
        );
        assert_eq!(Sha256Digest::of(b"").check(b"x"), Err(DigestError::Mismatch));
    }
}
