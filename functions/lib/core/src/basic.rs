//! HTTP Basic credentials (RFC 7617), compared in constant time.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::Mac;

use crate::{
    config::environment::Environment,
    mac,
    secret::{Secret, Secrets},
};

/// Who may call: `user:password` pairs, and secrets that stand in the path. Printing it shows nothing.
#[derive(Clone)]
pub struct Callers {
    secrets: Secrets,
}

/// A line that is no credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallersError {
    /// No line at all.
    #[error("missing; it holds user:password, one per line")]
    Missing,
    /// A line without a colon where only pairs are of use.
    #[error("has a line without a colon; it holds user:password, one per line")]
    NoColon,
}

impl Callers {
    /// Reads a variable that holds `user:password` pairs, where there are any.
    pub fn read(environment: &mut Environment<'_>, name: &'static str) -> Option<Self> {
        let lines = environment.text(name)?;
        Self::pairs(&lines).map_err(|error| environment.complain(name, error.to_string())).ok()
    }

    /// The same of a variable that must be there.
    pub fn read_required(environment: &mut Environment<'_>, name: &'static str) -> Option<Self> {
        let lines = environment.text(name).unwrap_or_default();
        Self::pairs(&lines).map_err(|error| environment.complain(name, error.to_string())).ok()
    }

    /// Reads `user:password` pairs, one per line, the current one first.
    ///
    /// # Errors
    /// See [`CallersError`].
    pub fn pairs(lines: &str) -> Result<Self, CallersError> {
        let callers = Self::pairs_or_segments(lines)?;
        if callers.secrets.iter().all(|secret| secret.as_bytes().contains(&b':')) {
            Ok(callers)
        } else {
            Err(CallersError::NoColon)
        }
    }

    /// Reads `user:password` pairs and, as lines without a colon, secret path segments.
    ///
    /// # Errors
    /// [`CallersError::Missing`].
    pub fn pairs_or_segments(lines: &str) -> Result<Self, CallersError> {
        let secrets = Secrets::parse(lines).ok_or(CallersError::Missing)?;
        Ok(Self { secrets })
    }

    /// The lines themselves.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Whether an Authorization header holds one of the pairs.
    #[must_use]
    pub fn admit_header(&self, authorization: Option<&str>) -> bool {
        let presented = authorization.and_then(pair);
        presented.is_some_and(|pair| pair.contains(&b':') && self.knows(&pair))
    }

    /// Whether a decoded path segment is one of the secrets; a pair is none.
    #[must_use]
    pub fn admit_segment(&self, segment: &str) -> bool {
        !segment.contains(':') && self.knows(segment.as_bytes())
    }

    /// MACs are compared instead of the secrets, so that neither content nor length shows in the time it takes.
    fn knows(&self, presented: &[u8]) -> bool {
        const KEY: &[u8] = b"satchel caller";
        let known = |secret: &Secret| {
            let expected = mac::keyed(KEY, secret.as_bytes()).finalize().into_bytes();
            mac::keyed(KEY, presented).verify_slice(&expected).is_ok()
        };
        self.secrets.iter().fold(false, |found, secret| known(secret) | found)
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callers(..)")
    }
}

/// The decoded pair of `Basic <base64>`; the scheme's case does not matter (RFC 9110, section 11.1).
fn pair(authorization: &str) -> Option<Vec<u8>> {
    let (scheme, encoded) = authorization.trim().split_once(' ')?;
    BASE64_STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(pair: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(pair))
    }

    #[test]
    fn only_the_configured_pairs_are_admitted() {
        let callers = Callers::pairs("prosody:s3:cr\u{e9}t\nprevious:x").unwrap();
        for (authorization, admitted) in [
            (basic("prosody:s3:cr\u{e9}t"), true),
            (basic("previous:x").replace("Basic", "bAsIc "), true),
            (basic("prosody:s3"), false),
            (basic("prosody:s3:cr\u{e9}t "), false),
            (basic(""), false),
            (basic(":"), false),
            ("Basic".to_owned(), false),
            ("Basic !".to_owned(), false),
            (basic("previous:x").replace("Basic", "Bearer"), false),
            (String::new(), false),
        ] {
            assert_eq!(callers.admit_header(Some(&authorization)), admitted, "{authorization}");
        }
        assert!(!callers.admit_header(None));
    }

    #[test]
    fn a_secret_segment_is_no_pair_and_a_pair_no_segment() {
        let callers = Callers::pairs_or_segments("ejabberd:x\nsegment").unwrap();
        assert!(callers.admit_segment("segment") && callers.admit_header(Some(&basic("ejabberd:x"))));
        assert!(!callers.admit_segment("ejabberd:x") && !callers.admit_segment("") && !callers.admit_segment("x"));
        assert!(!callers.admit_header(Some(&basic("segment"))));
        assert_eq!(Callers::pairs("ejabberd:x\nsegment").unwrap_err(), CallersError::NoColon);
        assert_eq!(Callers::pairs(" \n").unwrap_err(), CallersError::Missing);
    }

    #[test]
    fn callers_are_never_printed() {
        assert!(!format!("{:?}", Callers::pairs("user:hunter2").unwrap()).contains("hunter2"));
    }
}
