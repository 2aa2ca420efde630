//! What a deployment allows.

use satchel_core::{config::Environment, jid::BareJid, purpose::Purpose, retention::Retention, secret::Secrets};

use super::{
    domains::{AllowedDomains, Service},
    refusal::SlotRefusal,
};

/// What the deployment allows.
#[derive(Debug, Clone)]
pub struct SlotPolicy {
    /// The largest file in bytes.
    pub max_size: u64,
    /// Bytes that an account is granted a day; `None` for as many as it likes.
    pub daily_quota: Option<u64>,
    /// How long files are kept.
    pub retention: Retention,
    /// What slots may be asked for, besides [`Purpose::Message`].
    pub purposes: Vec<Purpose>,
    /// Whose accounts may upload.
    pub domains: AllowedDomains,
    /// Key the owners' ids: the current one those of new files.
    pub owner_keys: Secrets,
}

impl SlotPolicy {
    /// The account of a bare or full JID.
    ///
    /// # Errors
    /// [`SlotRefusal::Address`], [`SlotRefusal::Domain`].
    pub fn account(&self, jid: &str, service: Service<'_>) -> Result<BareJid, SlotRefusal> {
        let account = BareJid::of(jid).map_err(|_| SlotRefusal::Address)?;
        if self.domains.admit(&account, service) { Ok(account) } else { Err(SlotRefusal::Domain) }
    }

    /// The purpose that was asked for, where it is one that is offered.
    pub(super) fn offered(&self, asked: Purpose) -> Result<Purpose, SlotRefusal> {
        let offered = asked == Purpose::Message || self.purposes.contains(&asked);
        offered.then_some(asked).ok_or(SlotRefusal::Purpose)
    }
}

/// The host of the component that a stanza is for.
///
/// # Errors
/// [`SlotRefusal::Address`].
pub fn component_host(to: &str) -> Result<BareJid, SlotRefusal> {
    BareJid::of(to).map_err(|_| SlotRefusal::Address)
}

/// `SATCHEL_PURPOSES`: the purposes that slots may be asked for besides `message`, which every file can be.
pub fn offered_purposes(environment: &mut Environment<'_>) -> Vec<Purpose> {
    const NAME: &str = "SATCHEL_PURPOSES";
    const OPTIONAL: [Purpose; 3] = [Purpose::Profile, Purpose::Ephemeral, Purpose::Permanent];
    let Some(list) = environment.text(NAME) else { return OPTIONAL.to_vec() };
    let names = || list.split([',', ' ']).filter(|name| !name.is_empty());
    let known = |name: &str| name == "none" || Purpose::ALL.iter().any(|purpose| purpose.as_str() == name);
    if let Some(stray) = names().find(|name| !known(name)) {
        environment.complain(NAME, format!("'{stray}' is none of message, profile, ephemeral, permanent, none"));
    }
    OPTIONAL.into_iter().filter(|purpose| names().any(|name| name == purpose.as_str())).collect()
}
