//! What a file is for (XEP-0363, section 5), which decides how long it is kept: each purpose has a key prefix of its
//! own, and each prefix a lifecycle rule, or none.

/// What a file is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// An attachment; also where nothing is said, as no token says anything.
    #[default]
    Message,
    /// An avatar or the like, kept longer.
    Profile,
    /// Not to be served from a moment on that the sender names; it may go earlier.
    Ephemeral,
    /// Never deleted, unless by its owner.
    Permanent,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Message, Self::Profile, Self::Ephemeral, Self::Permanent];

    /// Its element in `urn:xmpp:http:upload:purpose:0`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Profile => "profile",
            Self::Ephemeral => "ephemeral",
            Self::Permanent => "permanent",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }

    /// What the keys of its files begin with. No prefix begins another, so that a rule for one leaves the others alone.
    #[must_use]
    pub const fn key_prefix(self) -> &'static str {
        match self {
            Self::Message => "uploads/",
            Self::Profile => "uploads-profile/",
            Self::Ephemeral => "uploads-ephemeral/",
            Self::Permanent => "uploads-permanent/",
        }
    }

    /// What a slot ends with, so that a file's key follows from its address alone. No XMPP server's slots have a dot.
    #[must_use]
    pub const fn slot_suffix(self) -> &'static str {
        match self {
            Self::Message => "",
            Self::Profile => ".profile",
            Self::Ephemeral => ".ephemeral",
            Self::Permanent => ".permanent",
        }
    }

    /// The purpose of a slot's files.
    #[must_use]
    pub(crate) fn of_slot(slot: &str) -> Self {
        let marked = |purpose: &Self| *purpose != Self::Message && slot.ends_with(purpose.slot_suffix());
        Self::ALL.into_iter().find(marked).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_tells_what_its_file_is_for() {
        for (slot, purpose) in [
            ("aZ_-.bY", Purpose::Message),
            ("aZ_-.bY.permanent", Purpose::Permanent),
            ("aZ_-.bY.profile", Purpose::Profile),
            ("aZ_-.bY.ephemeral", Purpose::Ephemeral),
            ("permanent", Purpose::Message),
            ("x.Permanent", Purpose::Message),
            ("", Purpose::Message),
        ] {
            assert_eq!(Purpose::of_slot(slot), purpose, "{slot}");
        }
    }

    #[test]
    fn a_purpose_is_known_by_its_name_and_by_no_other() {
        for (name, purpose) in [
            ("message", Some(Purpose::Message)),
            ("profile", Some(Purpose::Profile)),
            ("ephemeral", Some(Purpose::Ephemeral)),
            ("permanent", Some(Purpose::Permanent)),
            ("Permanent", None),
            (".permanent", None),
            ("", None),
        ] {
            assert_eq!(Purpose::named(name), purpose, "{name}");
            assert!(purpose.is_none_or(|purpose| purpose.as_str() == name), "{name}");
        }
    }

    #[test]
    fn no_prefix_begins_another() {
        for (at, purpose) in Purpose::ALL.into_iter().enumerate() {
            let others = Purpose::ALL.into_iter().enumerate().filter(|(other, _)| *other != at);
            for (_, other) in others {
                assert!(!other.key_prefix().starts_with(purpose.key_prefix()), "{purpose:?} {other:?}");
            }
        }
    }
}
