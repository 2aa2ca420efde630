//! What a request for a slot says of itself: for the log of a refusal, which has no slot to tell it from.

use satchel_core::{grant::OwnerId, jid::BareJid};

use super::policy::SlotPolicy;

/// Who has asked, and for how much, as far as that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Who; `None` where it is no address.
    pub owner: Option<OwnerId>,
    /// Bytes; `None` where it is no number.
    pub size: Option<u64>,
}

impl Attempt {
    /// Reads the JID, bare or full, and the size of a request.
    #[must_use]
    pub fn of(jid: &str, size: Option<&str>, policy: &SlotPolicy) -> Self {
        let account = BareJid::of(jid).ok();
        let key = policy.owner_keys.current();
        Self {
            owner: account.map(|account| OwnerId::of_bare_jid(account.as_str(), key)),
            size: size.and_then(|digits| digits.trim().parse().ok()),
        }
    }
}
