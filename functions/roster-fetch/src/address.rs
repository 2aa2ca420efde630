//! What a path below `/contacts/` or `/groups/` names.

use satchel_core::{
    jid::{BareJid, JidError},
    route,
};
use satchel_rosters::{
    group::GroupName,
    username::{self, NameError, Username},
};

const RESOURCES: [(&str, Resource); 3] =
    [("contacts/", Resource::Contacts), ("raw/contacts/", Resource::RawContacts), ("groups/", Resource::Groups)];

/// What ends a raw path. Without it the username has been cut on its way, at a `#` or `?` of its own, and what is left
/// may be somebody else's.
const RAW_END: &str = "/end";

/// Which of the resources a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Rosters.
    Contacts,
    /// Rosters, for a client that encodes nothing and must never get another's.
    RawContacts,
    /// Shared groups.
    Groups,
}

/// A path, taken apart as far as every method agrees on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// What it leads to.
    pub resource: Resource,
    below: &'a str,
}

/// Why a path names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The name of the user.
    #[error("the username in the path is refused: {0}")]
    Username(NameError),
    /// The name of the group.
    #[error("the group's name in the path is refused: {0}")]
    Group(NameError),
    /// Not all of it is there.
    #[error("the path does not end with /end: the username in it has been cut, as it has a # or ? of its own")]
    Cut,
    /// The contact or member.
    #[error("the address at the end of the path is refused: {0}")]
    Jid(#[from] JidError),
}

/// What an edit is about: all of it, or one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<T> {
    /// The user or the group.
    pub of: T,
    /// The contact or member; `None` for all of them.
    pub entry: Option<BareJid>,
}

impl<'a> Address<'a> {
    /// Takes the deployment's prefix off a raw path; `None` for another resource's.
    #[must_use]
    pub fn of(raw_path: &'a str, public_path: Option<&str>, stage: Option<&str>) -> Option<Self> {
        let bases = route::bases(public_path, stage);
        let under = |base: &String| RESOURCES.map(|(name, resource)| (format!("{base}{name}"), resource));
        let known = bases.iter().flat_map(under).filter(|(prefix, _)| raw_path.starts_with(prefix.as_str()));
        let (prefix, resource) = known.max_by_key(|(prefix, _)| prefix.len())?;
        Some(Self { resource, below: raw_path.get(prefix.len()..)? })
    }

    /// The user whose roster is fetched: all of the path, slashes included, as mod_http_roster_admin does not encode
    /// them.
    ///
    /// # Errors
    /// [`AddressError::Username`].
    pub fn fetched_user(&self) -> Result<Username, AddressError> {
        let name = match self.resource {
            Resource::RawContacts => self.below.strip_suffix(RAW_END).ok_or(AddressError::Cut)?.into(),
            Resource::Contacts | Resource::Groups => username::from_path(self.below),
        };
        Username::parse(&name).map_err(AddressError::Username)
    }

    /// The group that is fetched: all of the path.
    ///
    /// # Errors
    /// [`AddressError::Group`].
    pub fn fetched_group(&self) -> Result<GroupName, AddressError> {
        GroupName::parse(&username::from_path(self.below)).map_err(AddressError::Group)
    }

    /// The roster or contact that is edited. Whoever edits encodes slashes: what follows the last one is the contact's
    /// address, and only an address can stand there.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn edited_roster(&self) -> Result<Target<Username>, AddressError> {
        let (of, entry) = self.split()?;
        Ok(Target { of: Username::parse(&username::from_path(of)).map_err(AddressError::Username)?, entry })
    }

    /// The group or member that is edited.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn edited_group(&self) -> Result<Target<GroupName>, AddressError> {
        let (of, entry) = self.split()?;
        Ok(Target { of: GroupName::parse(&username::from_path(of)).map_err(AddressError::Group)?, entry })
    }

    fn split(&self) -> Result<(&'a str, Option<BareJid>), JidError> {
        match self.below.rsplit_once('/') {
            Some((of, entry)) => Ok((of, Some(BareJid::parse(&username::from_path(entry))?))),
            None => Ok((self.below, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contacts(path: &str) -> Address<'_> {
        Address::of(path, None, None).unwrap()
    }

    #[test]
    fn the_deployments_prefix_is_no_part_of_a_name() {
        for (raw, public, stage) in [
            ("/contacts/john", None, None),
            ("/prod/contacts/john", None, Some("prod")),
            ("/files/contacts/john", Some("/files/upload/"), Some("prod")),
            ("/contacts/john", Some("/files/upload/"), None),
        ] {
            let address = Address::of(raw, public, stage).unwrap();
            assert_eq!((address.resource, address.below), (Resource::Contacts, "john"), "{raw}");
        }
        assert_eq!(Address::of("/groups/Team", None, None).unwrap().resource, Resource::Groups);
        for foreign in ["/", "/contacts", "/upload/contacts/john", "/contact/john", "contacts/john", ""] {
            assert_eq!(Address::of(foreign, None, Some("prod")), None, "{foreign}");
        }
    }

    #[test]
    fn a_fetch_takes_the_whole_path_for_the_user() {
        for (path, user) in [
            ("/contacts/john", "john"),
            ("/contacts/refresh", "refresh"),
            ("/contacts/a/b", "a/b"),
            ("/contacts/a%2Fb", "a/b"),
            ("/contacts/a/marie@x", "a/marie@x"),
            ("/contacts/contacts/a", "contacts/a"),
            ("/contacts//", "/"),
            ("/contacts/100%", "100%"),
            ("/contacts/tr\u{e8}s", "très"),
            ("/contacts/John", "john"),
        ] {
            assert_eq!(contacts(path).fetched_user().unwrap().as_str(), user, "{path}");
        }
        assert_eq!(contacts("/contacts/").fetched_user(), Err(AddressError::Username(NameError::Empty)));
        assert_eq!(contacts("/contacts/%00").fetched_user(), Err(AddressError::Username(NameError::ControlCharacter)));
        let group = contacts("/groups/My%20Team").fetched_group().unwrap();
        assert_eq!(group.as_str(), "My Team");
    }

    #[test]
    fn an_edit_takes_the_last_segment_for_the_contact() {
        for (path, user, contact) in [
            ("/contacts/john", "john", None),
            ("/contacts/a%2Fb", "a/b", None),
            ("/contacts/john/marie@x", "john", Some("marie@x")),
            ("/contacts/john/Marie%40X", "john", Some("marie@x")),
            ("/contacts/john/x", "john", Some("x")),
            ("/contacts/a/b/marie@x", "a/b", Some("marie@x")),
            ("/contacts/a%2Fb/marie@x", "a/b", Some("marie@x")),
            ("/contacts/a@b/marie@x", "a@b", Some("marie@x")),
        ] {
            let target = contacts(path).edited_roster().unwrap();
            assert_eq!((target.of.as_str(), target.entry.as_ref().map(BareJid::as_str)), (user, contact), "{path}");
        }
        for (path, error) in [
            ("/contacts/john/", AddressError::Jid(JidError::Domain)),
            ("/contacts/john/marie@@x", AddressError::Jid(JidError::Domain)),
            ("/contacts/john/marie@x%2Fres", AddressError::Jid(JidError::Resource)),
            ("/contacts//marie@x", AddressError::Username(NameError::Empty)),
            ("/contacts/", AddressError::Username(NameError::Empty)),
        ] {
            assert_eq!(contacts(path).edited_roster(), Err(error), "{path}");
        }
        let member = contacts("/groups/R%26D/marie@x").edited_group().unwrap();
        assert_eq!((member.of.as_str(), member.entry.unwrap().as_str()), ("R&D", "marie@x"));
    }

    #[test]
    fn a_raw_path_is_taken_to_the_letter_and_whole() {
        for (path, user) in [
            ("/raw/contacts/jos%c3%a9/end", Ok("jos%c3%a9")),
            ("/raw/contacts/josé/end", Ok("josé")),
            ("/raw/contacts/end/end", Ok("end")),
            ("/raw/contacts/a/b/end", Ok("a/b")),
            ("/prod/raw/contacts/john/end", Ok("john")),
            ("/raw/contacts/victim", Err(AddressError::Cut)),
            ("/raw/contacts/victim/en", Err(AddressError::Cut)),
            ("/raw/contacts//end", Err(AddressError::Username(NameError::Empty))),
            ("/raw/contacts/end", Err(AddressError::Cut)),
        ] {
            let address = Address::of(path, None, Some("prod")).unwrap();
            assert_eq!(address.resource, Resource::RawContacts);
            assert_eq!(address.fetched_user().as_ref().map(Username::as_str).map_err(|&error| error), user, "{path}");
        }
    }
}
