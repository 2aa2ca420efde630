//! Addresses that were stored under two spellings, and are one.

use std::collections::BTreeMap;

use satchel_core::jid::BareJid;
use serde::{Deserialize, Deserializer};

/// What can be said of somebody in two places.
pub(super) trait Said: for<'de> Deserialize<'de> {
    /// Both; where they contradict each other, `self` counts.
    fn and(self, other: Self) -> Self;
}

/// Reads addresses that an earlier version may have stored, which took two spellings of one for two: both are kept.
pub(super) fn each_once<'de, D: Deserializer<'de>, T: Said>(deserializer: D) -> Result<BTreeMap<BareJid, T>, D::Error> {
    let mut once = BTreeMap::new();
    for (text, said) in BTreeMap::<String, T>::deserialize(deserializer)? {
        let jid = BareJid::from(text);
        add(&mut once, jid, said);
    }
    Ok(once)
}

/// Adds what is said to what was said before.
pub(super) fn add<T: Said>(entries: &mut BTreeMap<BareJid, T>, jid: BareJid, said: T) {
    let said = match entries.remove(&jid) {
        Some(first) => first.and(said),
        None => said,
    };
    entries.insert(jid, said);
}
