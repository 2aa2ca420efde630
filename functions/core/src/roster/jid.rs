//! Contacts' addresses: bare JIDs, checked and normalised by RFC 7622, so that one contact has one spelling.

use std::{borrow::Borrow, fmt};

use idna::{domain_to_ascii_strict, domain_to_unicode};
use precis_core::profile::PrecisFastInvocation;
use precis_profiles::UsernameCaseMapped;
use serde::{Deserialize, Serialize};

/// Bytes of a localpart (RFC 7622, section 3.3).
const MAX_LOCALPART_BYTES: usize = 1_023;

/// What a localpart may not have although its string class allows it (RFC 7622, section 3.3.1).
const EXCLUDED: [char; 8] = ['"', '&', '\'', '/', ':', '<', '>', '@'];

/// `local@domain` or `domain`, normalised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContactJid(String);

/// Why an address is that of no contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContactJidError {
    /// A contact is a bare JID.
    #[error("it has a resource; a contact is local@domain or domain")]
    Resource,
    /// Not a localpart (RFC 7622, section 3.3).
    #[error("what stands before the @ is no localpart (RFC 7622, section 3.3)")]
    Localpart,
    /// Not a domainpart (RFC 7622, section 3.2).
    #[error("its domain is neither a host name nor an IP address (RFC 7622, section 3.2)")]
    Domain,
}

impl ContactJid {
    /// Reads an address and normalises it: the localpart by the profile UsernameCaseMapped (RFC 8265), the domain to
    /// U-labels in lower case, without a dot at its end.
    ///
    /// # Errors
    /// See [`ContactJidError`].
    pub fn parse(text: &str) -> Result<Self, ContactJidError> {
        if text.contains('/') {
            return Err(ContactJidError::Resource);
        }
        match text.split_once('@') {
            Some((local, domain)) => {
                let local = localpart(local).ok_or(ContactJidError::Localpart)?;
                Ok(Self(format!("{local}@{}", domainpart(domain)?)))
            }
            None => Ok(Self(domainpart(text)?)),
        }
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`; a host has none.
    #[must_use]
    pub fn localpart(&self) -> Option<&str> {
        self.0.split_once('@').map(|(local, _)| local)
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or(self.0.as_str(), |(_, domain)| domain)
    }
}

impl Borrow<str> for ContactJid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContactJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A localpart in its one spelling; `None` where the text is none.
pub(super) fn localpart(text: &str) -> Option<String> {
    let enforced = UsernameCaseMapped::enforce(text).ok()?;
    // The rules are not idempotent for every string: the first result must be a localpart itself (RFC 8264, section 7).
    let stable = UsernameCaseMapped::enforce(enforced.as_ref()).ok()?;
    let fits = stable == enforced && stable.len() <= MAX_LOCALPART_BYTES && !stable.contains(EXCLUDED);
    fits.then(|| stable.into_owned())
}

/// The domain of accounts, as configured.
///
/// # Errors
/// [`ContactJidError::Domain`].
pub fn domainpart(text: &str) -> Result<String, ContactJidError> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: std::net::Ipv6Addr = address.parse().map_err(|_| ContactJidError::Domain)?;
        return Ok(format!("[{address}]"));
    }
    let ascii = domain_to_ascii_strict(text).map_err(|_| ContactJidError::Domain)?;
    match domain_to_unicode(&ascii) {
        (unicode, Ok(())) if !unicode.is_empty() => Ok(unicode),
        _ => Err(ContactJidError::Domain),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_contact_has_one_spelling() {
        for (text, normal) in [
            ("marie@example.org", "marie@example.org"),
            ("Marie@Example.ORG.", "marie@example.org"),
            ("example.org", "example.org"),
            ("TRÈS@café.example", "très@café.example"),
            ("e\u{301}@xn--caf-dma.example", "é@café.example"),
            ("\u{ff4d}arie@example.org", "marie@example.org"),
            ("d\\27artagnan@example.org", "d\\27artagnan@example.org"),
            ("a%b#c?d=e+f@localhost", "a%b#c?d=e+f@localhost"),
            ("a@127.0.0.1", "a@127.0.0.1"),
            ("a@[0:0::1]", "a@[::1]"),
        ] {
            assert_eq!(ContactJid::parse(text).unwrap().as_str(), normal, "{text}");
        }
        let marie = ContactJid::parse("marie@example.org").unwrap();
        assert_eq!((marie.localpart(), marie.domain()), (Some("marie"), "example.org"));
        let host = ContactJid::parse("example.org").unwrap();
        assert_eq!((host.localpart(), host.domain()), (None, "example.org"));
    }

    #[test]
    fn what_is_no_contact_is_refused_with_its_cause() {
        use ContactJidError::*;
        for (text, cause) in [
            ("a@b/c", Resource),
            ("a/b", Resource),
            ("@b", Localpart),
            ("a b@c", Localpart),
            ("a\"b@c", Localpart),
            ("a:b@c", Localpart),
            ("<a>@c", Localpart),
            ("a\u{0}@c", Localpart),
            ("\u{265a}@c", Localpart),
            ("\u{ff06}@c", Localpart),
            ("", Domain),
            ("a@", Domain),
            ("a@.", Domain),
            ("a@b@c", Domain),
            ("a@b c", Domain),
            ("a@b_c", Domain),
            ("a@-b", Domain),
            ("a@b..c", Domain),
            ("a@[::1", Domain),
            ("a@[b]", Domain),
            ("a@xn--a", Domain),
        ] {
            assert_eq!(ContactJid::parse(text), Err(cause), "{text:?}");
        }
    }

    #[test]
    fn parts_have_at_most_their_bytes() {
        assert!(ContactJid::parse(&format!("{}@b", "a".repeat(1_023))).is_ok());
        assert!(ContactJid::parse(&format!("{}@b", "a".repeat(1_024))).is_err());
        assert!(ContactJid::parse(&format!("a@{}", "b".repeat(63))).is_ok());
        assert!(ContactJid::parse(&format!("a@{}", "b".repeat(64))).is_err());
        let longest = [["b"; 32].concat(), ["c"; 63].concat(), ["d"; 63].concat(), ["e"; 63].concat()].join(".");
        assert_eq!(longest.len(), 224);
        assert!(ContactJid::parse(&format!("a@{longest}.{}", "f".repeat(28))).is_ok());
        assert!(ContactJid::parse(&format!("a@{longest}.{}", "f".repeat(29))).is_err());
    }

    proptest! {
        #[test]
        fn the_one_spelling_stays(text in "\\PC{0,12}@\\PC{1,12}|[a-zA-Zß-ÿΑ-ϖ\u{300}-\u{310}]{1,6}@[a-zA-Zß-ÿ.-]{1,10}") {
            if let Ok(jid) = ContactJid::parse(&text) {
                prop_assert_eq!(ContactJid::parse(jid.as_str()), Ok(jid));
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = ContactJid::parse(&text);
        }
    }
}
