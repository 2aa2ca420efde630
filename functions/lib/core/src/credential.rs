//! Which token a request carries.

use crate::{
    mac::{HexMac, MacProtocol},
    upload_path::UploadPath,
};

/// What base64url makes of `{"`: every JWT begins so.
const JWT_BEGINNING: &str = "eyJ";

/// The one token of a request that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A MAC in the query.
    Mac(MacProtocol, HexMac),
    /// A JWT in `Authorization: Bearer`, or at the end of the path.
    Jwt(String),
}

/// Why a request carries no token that could be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Neither an Authorization header nor a `v2`, `token` or `v` parameter.
    #[error("the request carries no upload token; ask your XMPP server for a slot")]
    Missing,
    /// An Authorization header of another scheme than Bearer, and no parameter.
    #[error("the Authorization header is not of the scheme Bearer")]
    OtherScheme,
    /// Not 64 hex digits.
    #[error("the '{}' parameter is not 64 hex digits", .0.parameter())]
    MalformedMac(MacProtocol),
}

impl Credential {
    /// Picks the token that counts: a Bearer JWT (it expires), then the strongest MAC.
    ///
    /// # Errors
    /// See [`CredentialError`].
    pub fn select<'a>(
        authorization: Option<&str>,
        parameter: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, CredentialError> {
        if let Some(token) = authorization.and_then(bearer) {
            return Ok(Self::Jwt(token.to_owned()));
        }
        for protocol in MacProtocol::BY_STRENGTH {
            if let Some(hex) = parameter(protocol.parameter()) {
                return HexMac::parse(hex)
                    .map(|mac| Self::Mac(protocol, mac))
                    .ok_or(CredentialError::MalformedMac(protocol));
            }
        }
        match authorization {
            Some(_) => Err(CredentialError::OtherScheme),
            None => Err(CredentialError::Missing),
        }
    }

    /// The JWT that a path ends with, and the path without it. It is for slots that ejabberd hands out: those have neither
    /// headers nor a query.
    #[must_use]
    pub fn in_path(path: &UploadPath) -> Option<(Self, UploadPath)> {
        let (path, last) = path.split_last()?;
        is_jwt(last).then(|| (Self::Jwt(last.to_owned()), path))
    }

    /// The name of the protocol that a request tries, well-formed or not, for logs. `raw_path` is as it was sent.
    #[must_use]
    pub fn tried<'a>(
        authorization: Option<&str>,
        parameter: impl Fn(&str) -> Option<&'a str>,
        raw_path: &str,
    ) -> Option<&'static str> {
        if authorization.and_then(bearer).is_some() {
            return Some("jwt");
        }
        let in_query = MacProtocol::BY_STRENGTH.map(MacProtocol::parameter);
        let in_query = in_query.into_iter().find(|name| parameter(name).is_some());
        in_query.or_else(|| raw_path.rsplit('/').next().is_some_and(is_jwt).then_some("jwt"))
    }

    /// A message that was MACed, as a log may have it: a token that its path ends with may be good elsewhere.
    #[must_use]
    pub fn without_jwts(message: &str) -> String {
        let part = |part: &str| {
            let word = part.trim_end_matches(SEPARATORS);
            if is_jwt(word) { part.replacen(word, "(token)", 1) } else { part.to_owned() }
        };
        message.split_inclusive(SEPARATORS).map(part).collect()
    }

    /// The name of the protocol, for logs.
    #[must_use]
    pub const fn protocol(&self) -> &'static str {
        match self {
            Self::Mac(protocol, _) => protocol.parameter(),
            Self::Jwt(_) => "jwt",
        }
    }
}

/// What stands between path segments, sizes and types in a MACed message.
const SEPARATORS: [char; 3] = ['/', ' ', '\0'];

fn is_jwt(word: &str) -> bool {
    word.starts_with(JWT_BEGINNING) && word.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(authorization: Option<&str>, query: &[(&str, &str)]) -> Result<&'static str, CredentialError> {
        let parameter = |name: &str| query.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let selected = Credential::select(authorization, parameter).map(|credential| credential.protocol());
        let tried = match selected {
            Ok(protocol) => Some(protocol),
            Err(CredentialError::MalformedMac(protocol)) => Some(protocol.parameter()),
            Err(_) => None,
        };
        assert_eq!(Credential::tried(authorization, parameter, "/upload/a"), tried, "as the log says");
        selected
    }

    #[test]
    fn the_strongest_known_token_counts_and_no_other() {
        let (good, bad) = ("a".repeat(64), "b");
        let (good, bad) = (good.as_str(), bad);
        assert_eq!(selected(None, &[("v", good), ("token", good), ("v2", good)]), Ok("v2"));
        assert_eq!(selected(None, &[("v", good), ("token", good)]), Ok("token"));
        assert_eq!(selected(None, &[("v", good), ("v3", good)]), Ok("v"));
        assert_eq!(selected(None, &[("v", good), ("v2", bad)]), Err(CredentialError::MalformedMac(MacProtocol::V2)));
        assert_eq!(selected(Some("bearer x.y.z"), &[("v2", good)]), Ok("jwt"));
        assert_eq!(selected(Some("Basic eDp5"), &[("v", good)]), Ok("v"));
        assert_eq!(selected(Some("Basic eDp5"), &[]), Err(CredentialError::OtherScheme));
        assert_eq!(selected(Some("Bearer"), &[]), Err(CredentialError::OtherScheme));
        assert_eq!(selected(None, &[]), Err(CredentialError::Missing));
    }

    #[test]
    fn the_token_is_what_follows_the_scheme() {
        for authorization in ["Bearer x.y.z", "bearer x.y.z", " BEARER   x.y.z "] {
            let selected = Credential::select(Some(authorization), |_| None);
            assert_eq!(selected, Ok(Credential::Jwt("x.y.z".to_owned())), "{authorization}");
        }
        for other in ["x.y.z", "Bearerx.y.z", "Bearers x.y.z"] {
            assert_eq!(Credential::select(Some(other), |_| None), Err(CredentialError::OtherScheme), "{other}");
        }
    }

    #[test]
    fn only_a_jwt_at_the_end_of_a_path_is_taken_for_one() {
        let found = |path: &str| {
            let (credential, rest) = Credential::in_path(&UploadPath::parse_encoded(path).unwrap())?;
            Some((credential, rest.to_string()))
        };
        let jwt = || Credential::Jwt("eyJh.eyJi.x-_".to_owned());
        assert_eq!(found("slot/eyJh.eyJi.x-_"), Some((jwt(), "slot".to_owned())));
        assert_eq!(found("a/b/eyJh.eyJi.x-_"), Some((jwt(), "a/b".to_owned())));
        for path in ["eyJh.eyJi.x-_", "eyJh.eyJi.x-_/photo.jpg", "slot/eyJh.eyJi", "slot/a.b.c", "slot/eyJ.tar.gz.asc"]
        {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn a_token_in_the_path_is_a_protocol_and_never_part_of_a_message() {
        let none = |_: &str| None;
        assert_eq!(Credential::tried(None, none, "/upload/u/a/eyJh.eyJz.c2ln"), Some("jwt"));
        assert_eq!(Credential::tried(None, none, "/upload/u/eyJh.eyJz.c2ln/a"), None, "not its end");
        assert_eq!(Credential::tried(None, none, "/upload/u/eyJh.txt"), None);
        for (message, logged) in [
            ("u/a/eyJh.eyJz.c2ln 5", "u/a/(token) 5"),
            ("u/eyJh.eyJz.c2ln/a\x005\0image/png", "u/(token)/a\x005\0image/png"),
            ("u/eyJh.txt 5", "u/eyJh.txt 5"),
            ("u//a b 5", "u//a b 5"),
        ] {
            assert_eq!(Credential::without_jwts(message), logged);
        }
    }
}
