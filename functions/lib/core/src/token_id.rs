//! Which token an upload came with.

use sha2::{Digest, Sha256};

use crate::credential::Credential;

/// Keeps a token's digest apart from every other digest of the same bytes.
const DOMAIN: &[u8] = b"satchel upload token\0";

/// Which token an upload came with. It allows nothing: there is no way from here to the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// The id of a token that has been verified. A MAC has one id in either case of its digits.
    #[must_use]
    pub fn of(credential: &Credential) -> Self {
        let token = match credential {
            Credential::Mac(_, mac) => mac.as_bytes().as_slice(),
            Credential::Jwt(token) => token.as_bytes(),
        };
        let digest = Sha256::new().chain_update(DOMAIN).chain_update(credential.protocol()).chain_update([0]);
        let digest = digest.chain_update(token).finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// Reads 32 hex digits; `None` for anything else.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        let mut id = [0; 16];
        hex::decode_to_slice(hex, &mut id).ok()?;
        Some(Self(id))
    }

    /// 32 lower-case hex digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mac::{HexMac, MacProtocol};

    fn mac(protocol: MacProtocol, digits: &str) -> Credential {
        Credential::Mac(protocol, HexMac::parse(digits).unwrap())
    }

    fn jwt(token: &str) -> Credential {
        Credential::Jwt(token.to_owned())
    }

    #[test]
    fn a_token_has_one_id_and_no_other_token_has_it() {
        let digits = "0a".repeat(32);
        let lower = TokenId::of(&mac(MacProtocol::V2, &digits));
        assert_eq!(TokenId::of(&mac(MacProtocol::V2, &digits.to_uppercase())), lower);
        assert_eq!(TokenId::parse(&lower.to_hex()), Some(lower));
        let others = [
            mac(MacProtocol::V1, &digits),
            mac(MacProtocol::Token, &digits),
            mac(MacProtocol::V2, &"0b".repeat(32)),
            jwt("a.b.c"),
            jwt("a.b.d"),
            jwt(&digits),
        ];
        let ids = others.map(|other| TokenId::of(&other).to_hex());
        let all: std::collections::BTreeSet<_> = ids.iter().cloned().chain([lower.to_hex()]).collect();
        assert_eq!(all.len(), 7, "{all:?}");
        // printf 'satchel upload token\0jwt\0a.b.c' | sha256sum | cut -c1-32
        assert_eq!(ids[3], "054baa51fa044d903cf1309fa7253998");
        for malformed in ["", "0a", &"0g".repeat(16), &"0a".repeat(17)] {
            assert_eq!(TokenId::parse(malformed), None, "{malformed}");
        }
    }
}
