//! Bare JIDs: accounts and hosts, spelled as XMPP servers spell them, so that each has one spelling here, too.

pub mod prep;

use std::{borrow::Borrow, fmt};

use idna::{domain_to_ascii_strict, domain_to_unicode};
use serde::{Deserialize, Serialize};

use prep::{nameprep, nodeprep};

/// `local@domain` or `domain`, prepared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct BareJid(String);

/// Why a text is no bare JID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JidError {
    /// A contact is a bare JID.
    #[error("it has a resource; a contact is local@domain or domain")]
    Resource,
    /// Not a localpart.
    #[error("what stands before the @ is no localpart (RFC 6122, section 2.3)")]
    Localpart,
    /// Not a domainpart.
    #[error("its domain is neither a host name nor an IP address (RFC 6122, section 2.2)")]
    Domain,
}

impl BareJid {
    /// The account or host of a bare or full JID that a server gives (RFC 6122, section 2.1: the resource begins at the first
    /// slash). What that server has for a name of its own, a container's `xmpp_1`, is one here.
    ///
    /// # Errors
    /// [`JidError::Localpart`], [`JidError::Domain`].
    pub fn of(jid: &str) -> Result<Self, JidError> {
        let bare = jid.split_once('/').map_or(jid, |(bare, _)| bare);
        Self::joined(bare, named)
    }

    /// Reads the address of a contact, as somebody has written it.
    ///
    /// # Errors
    /// See [`JidError`].
    pub fn parse(text: &str) -> Result<Self, JidError> {
        if text.contains('/') {
            return Err(JidError::Resource);
        }
        Self::joined(text, domainpart)
    }

    fn joined(bare: &str, domainpart: fn(&str) -> Result<String, JidError>) -> Result<Self, JidError> {
        match bare.split_once('@') {
            Some((local, domain)) => {
                let local = nodeprep(local).ok_or(JidError::Localpart)?;
                Ok(Self(format!("{local}@{}", domainpart(domain)?)))
            }
            None => Ok(Self(domainpart(bare)?)),
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

/// An address that was stored. Earlier versions prepared addresses otherwise; one that cannot be prepared now stays as it is,
/// and what it stands in stays readable.
impl From<String> for BareJid {
    fn from(stored: String) -> Self {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'@');
        if stored.bytes().all(plain) {
            return Self(stored);
        }
        Self::parse(&stored).unwrap_or(Self(stored))
    }
}

impl Borrow<str> for BareJid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BareJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The domain of accounts, as somebody has written it: prepared, in U-labels, without a dot at its end.
///
/// # Errors
/// [`JidError::Domain`].
pub fn domainpart(text: &str) -> Result<String, JidError> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: std::net::Ipv6Addr = address.parse().map_err(|_| JidError::Domain)?;
        return Ok(format!("[{address}]"));
    }
    let prepared = nameprep(text).ok_or(JidError::Domain)?;
    let ascii = domain_to_ascii_strict(&prepared).map_err(|_| JidError::Domain)?;
    let (unicode, valid) = domain_to_unicode(&ascii);
    let labels = [&prepared, &unicode].map(|domain| domain.split('.').count());
    if valid.is_err() || unicode.is_empty() || labels[0] != labels[1] {
        return Err(JidError::Domain);
    }
    let labels = prepared.split('.').zip(unicode.split('.')).map(|(prepared, unicode)| label(prepared, unicode));
    Ok(labels.collect::<Result<Vec<_>, _>>()?.join("."))
}

/// One label: the server must spell it as DNS does. An A-label becomes its U-label (RFC 7622, section 3.2.1) where servers
/// leave that as it is: `xn--strae-oqa` is another domain than `strasse`, which they make of `straße`.
fn label<'a>(prepared: &'a str, unicode: &'a str) -> Result<&'a str, JidError> {
    match prepared == unicode {
        true => Ok(prepared),
        false if !prepared.starts_with("xn--") => Err(JidError::Domain),
        false if nameprep(unicode).as_deref() == Some(unicode) => Ok(unicode),
        false => Ok(prepared),
    }
}

/// The domain that a server gives: prepared, and nothing else is asked of it.
///
/// # Errors
/// [`JidError::Domain`].
pub fn named(text: &str) -> Result<String, JidError> {
    let prepared = nameprep(text.strip_suffix('.').unwrap_or(text)).ok_or(JidError::Domain)?;
    let strange = |character: char| character.is_control() || character.is_whitespace() || character == '@';
    if prepared.contains(strange) { Err(JidError::Domain) } else { Ok(prepared) }
}

#[cfg(test)]
mod tests;
