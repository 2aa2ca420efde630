//! Whose accounts may upload.

use satchel_core::{
    config::Environment,
    jid::{self, BareJid},
};

/// `SATCHEL_ALLOWED_DOMAINS`; none named leaves it to the service's address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedDomains(Vec<String>);

impl AllowedDomains {
    /// Reads `SATCHEL_ALLOWED_DOMAINS`.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        const NAME: &str = "SATCHEL_ALLOWED_DOMAINS";
        let list = environment.text(NAME).unwrap_or_default();
        Self::parse(&list).unwrap_or_else(|stray| {
            environment.complain(NAME, format!("'{stray}' is no domain"));
            Self::default()
        })
    }

    /// Reads domains separated by commas or white space; gives the first that is none otherwise.
    ///
    /// # Errors
    /// An entry is an address or a pattern instead of a domain, or nothing that a server would take for one.
    pub fn parse(list: &str) -> Result<Self, &str> {
        let entries = || list.split([',', ' ', '\t', '\r', '\n']).filter(|entry| !entry.is_empty());
        let domain = |entry: &str| jid::named(entry).ok().filter(|domain| !domain.contains(['/', '*', ':']));
        entries().map(|entry| domain(entry).ok_or(entry)).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn admit(&self, owner: &BareJid, service: Service<'_>) -> bool {
        let domain = owner.domain();
        if !self.0.is_empty() {
            return self.0.iter().any(|named| named == domain);
        }
        match service {
            Service::Component(host) => host.split_once('.').is_some_and(|(_, parent)| parent == domain),
            Service::CheckedByServer => true,
        }
    }
}

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service<'a> {
    /// At a component of this host: unless domains are named, it serves its parent domain alone.
    Component(&'a str),
    /// ejabberd's mod_http_upload has applied its own `access` rule before it asked.
    CheckedByServer,
}
