//! Which of the two doors a request comes in by.

use percent_encoding::percent_decode_str;

/// The addresses of this function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `/component`: stanzas.
    Component,
    /// `/slot`: ejabberd, perhaps with a secret behind it.
    Slot(Option<String>),
}

impl Entry {
    /// Reads the end of a raw path: whatever stands before it is the deployment's, which routes nothing else here.
    /// `None` for any other address.
    pub(crate) fn of(raw_path: &str) -> Option<Self> {
        let mut segments = raw_path.rsplit('/');
        match (segments.next()?, segments.next()?) {
            ("component", _) => Some(Self::Component),
            ("slot", _) => Some(Self::Slot(None)),
            (secret, "slot") => {
                let decoded = percent_decode_str(secret).decode_utf8().ok()?;
                Some(Self::Slot(Some(decoded.into_owned()).filter(|secret| !secret.is_empty())))
            }
            _ => None,
        }
    }

    /// What stands before an entry in an address: the deployment's own.
    pub(crate) fn base(address: &str) -> Option<&str> {
        let (before, last) = address.rsplit_once('/')?;
        match (before.rsplit_once('/'), last) {
            (_, "component" | "slot") => Some(before),
            (Some((base, "slot")), _) => Some(base),
            _ => None,
        }
    }

    /// The protocol that is spoken there, for the log.
    pub(crate) const fn protocol(&self) -> &'static str {
        match self {
            Self::Component => "component_http",
            Self::Slot(_) => "service_url",
        }
    }

    /// The one method it takes.
    pub(crate) const fn method(&self) -> &'static str {
        match self {
            Self::Component => "POST",
            Self::Slot(_) => "GET",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_below_any_stage() {
        let slot = |secret: &str| Some(Entry::Slot(Some(secret.to_owned())));
        for (path, entry) in [
            ("/component", Some(Entry::Component)),
            ("/Prod/component", Some(Entry::Component)),
            ("/slot", Some(Entry::Slot(None))),
            ("/slot/", Some(Entry::Slot(None))),
            ("/Prod/slot", Some(Entry::Slot(None))),
            ("/slot/s%C3%A9cret%2F", slot("sécret/")),
            ("/Prod/slot/secret", slot("secret")),
            ("/slot/%ff", None),
            ("/slot/a/b", None),
            ("/", None),
            ("", None),
            ("component", None),
            ("/components", None),
        ] {
            assert_eq!(Entry::of(path), entry, "{path}");
        }
    }

    #[test]
    fn an_address_tells_where_the_deployment_is() {
        for (address, base) in [
            ("https://x.org/component", Some("https://x.org")),
            ("https://x.org/prod/component", Some("https://x.org/prod")),
            ("https://x.org/prod/slot", Some("https://x.org/prod")),
            ("https://x.org/slot/secret", Some("https://x.org")),
            ("https://x.org/", None),
        ] {
            assert_eq!(Entry::base(address), base, "{address}");
        }
    }
}
