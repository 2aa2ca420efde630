//! Bare JIDs, as the XMPP server has normalised them.

/// The longest bare JID: two parts of 1,023 bytes and the `@` (RFC 7622, section 3.1).
const MAX_BARE_JID_BYTES: usize = 2 * 1_023 + 1;

/// An account or a host: `local@domain` or `domain`, without a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BareJid(String);

/// Not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no XMPP address")]
pub struct JidError;

impl BareJid {
    /// Takes the bare JID of a full or bare one (RFC 7622, section 3.2: the resource begins at the first slash).
    ///
    /// # Errors
    /// An empty part, white space or control characters, more than 2,047 bytes.
    pub fn of(jid: &str) -> Result<Self, JidError> {
        let bare = jid.split_once('/').map_or(jid, |(bare, _)| bare);
        let (local, domain) = bare.split_once('@').map_or((None, bare), |(local, domain)| (Some(local), domain));
        let strange = |character: char| character.is_control() || character.is_whitespace();
        let malformed = domain.is_empty() || domain.contains('@') || local.is_some_and(str::is_empty);
        if malformed || bare.len() > MAX_BARE_JID_BYTES || bare.contains(strange) {
            return Err(JidError);
        }
        Ok(Self(bare.to_owned()))
    }

    /// `local@domain` or `domain`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or(self.0.as_str(), |(_, domain)| domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_jid_is_what_stands_before_the_resource() {
        for (jid, bare, domain) in [
            ("romeo@montague.example/garden", "romeo@montague.example", "montague.example"),
            ("romeo@montague.example", "romeo@montague.example", "montague.example"),
            ("montague.example", "montague.example", "montague.example"),
            ("montague.example/a@b", "montague.example", "montague.example"),
            ("romeo@montague.example/a/b@c", "romeo@montague.example", "montague.example"),
        ] {
            let read = BareJid::of(jid).unwrap();
            assert_eq!((read.as_str(), read.domain()), (bare, domain), "{jid}");
        }
        for malformed in ["", "/a", "@", "@b", "a@", "a@/b", "a@b@c", "a b@c", "a@b\n", &"a".repeat(2_048)] {
            assert_eq!(BareJid::of(malformed), Err(JidError), "{malformed}");
        }
        assert!(BareJid::of(&"a".repeat(2_047)).is_ok());
    }
}
