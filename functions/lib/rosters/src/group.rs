//! Shared groups: who is in one, who has just left it, and the copy of it that each member's roster holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use satchel_core::{
    jid::BareJid,
    object_key::{Key, Shelf},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    contact::{self, EntriesError, EntryProblem, Pairs},
    once::{Said, each_once},
    username::{self, NameError, Username},
};

/// Members of a group, at most: an edit writes the roster of each.
pub const MAX_MEMBERS: usize = 1_000;

/// A group's name, as clients show it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupName(String);

impl GroupName {
    /// Takes a decoded name.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        username::check(text, Shelf::Groups)?;
        Ok(Self(text.to_owned()))
    }

    /// The key of the group: `groups/<name>`, percent-encoded.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::of_document(Shelf::Groups, &username::encode(&self.0))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a group says of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// What the others see them called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A group as it is stored. One that has been deleted stays, without members: its version must never go back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    version: u64,
    #[serde(deserialize_with = "each_once")]
    members: BTreeMap<BareJid, Member>,
    /// Whose rosters may still hold a copy although they are members no longer.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    leaving: BTreeSet<Username>,
}

/// What to do with a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupEdit {
    /// These are the members, nobody else is.
    Replace(BTreeMap<BareJid, Member>),
    /// One more, or another name for one.
    Put(BareJid, Member),
    /// One fewer.
    Remove(BareJid),
}

/// Why a group is not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupRefusal {
    /// Nobody to remove.
    #[error("'{0}' is not in this group")]
    NotAMember(BareJid),
    /// One too many.
    #[error("the group is full: it may have 1,000 members")]
    Full,
    /// Whose rosters are kept here is not known.
    #[error(
        "the members '{0}' and '{1}' are of different domains: set SATCHEL_ROSTER_DOMAIN to the one whose rosters are \
         kept here"
    )]
    Domains(BareJid, BareJid),
    /// A member of the accounts' domain whose name cannot be a key.
    #[error("the member '{member}' is refused: as a username {problem}")]
    Member {
        /// Who.
        member: BareJid,
        /// What is wrong with it.
        problem: NameError,
    },
}

/// A group as one roster holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedCopy {
    /// Of which edit it is; a later one is never replaced by an earlier one.
    pub(super) version: u64,
    /// The others in the group; nobody once the roster's owner has left.
    #[serde(default, deserialize_with = "each_once", skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) members: BTreeMap<BareJid, Member>,
}

/// Reads the members of a group: an array of addresses, or `{jid: {name?}}`.
///
/// # Errors
/// See [`EntriesError`].
pub fn members(body: &[u8]) -> Result<BTreeMap<BareJid, Member>, EntriesError> {
    let pairs = match serde_json::from_slice::<Vec<String>>(body) {
        Ok(addresses) => addresses.into_iter().map(|address| (address, Value::Object(Default::default()))).collect(),
        Err(_) => serde_json::from_slice::<Pairs>(body).map_err(contact::not_pairs)?.0,
    };
    contact::entries(pairs, MAX_MEMBERS, Member::read)
}

/// Reads one member: `{name?}`.
///
/// # Errors
/// See [`EntriesError`].
pub fn member(body: &[u8]) -> Result<Member, EntriesError> {
    let value: Value = serde_json::from_slice(body).map_err(EntriesError::Json)?;
    Member::read(&value).map_err(EntriesError::Contact)
}

impl Member {
    fn read(value: &Value) -> Result<Self, EntryProblem> {
        let fields = value.as_object().ok_or(EntryProblem::Form)?;
        if let Some(stray) = fields.keys().find(|field| *field != "name") {
            return Err(EntryProblem::Field(stray.chars().take(100).collect()));
        }
        Ok(Self { name: fields.get("name").map_or(Ok(None), contact::name)? })
    }
}

impl Group {
    /// Whether it has members; one without is answered as none.
    #[must_use]
    pub fn exists(&self) -> bool {
        !self.members.is_empty()
    }

    /// Whether the rosters of all who have left are known to be written.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.leaving.is_empty()
    }

    /// Whether somebody is in it.
    #[must_use]
    pub fn has(&self, jid: &BareJid) -> bool {
        self.members.contains_key(jid)
    }

    /// The members as JSON: `{jid: {name?}}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!(self.members).to_string()
    }

    /// Edits the group in place. Its version grows, beyond the time, too: a group whose object somebody has deleted by
    /// hand begins later than the copies of it that are left.
    ///
    /// # Errors
    /// See [`GroupRefusal`]; nothing is changed then.
    pub fn apply(&mut self, edit: &GroupEdit, domain: Option<&str>, now: Timestamp) -> Result<(), GroupRefusal> {
        let mut next = self.clone();
        match edit {
            GroupEdit::Replace(members) => next.members = members.clone(),
            GroupEdit::Put(jid, member) => drop(next.members.insert(jid.clone(), member.clone())),
            GroupEdit::Remove(jid) => match next.members.remove(jid) {
                Some(_) => {}
                None => return Err(GroupRefusal::NotAMember(jid.clone())),
            },
        }
        if next.members.len() > MAX_MEMBERS {
            return Err(GroupRefusal::Full);
        }
        let accounts = next.accounts(domain)?;
        if next.members != self.members {
            let before = self.accounts(domain).unwrap_or_default();
            next.leaving.extend(before.into_keys());
            next.leaving.retain(|username| !accounts.contains_key(username));
            next.version = (self.version + 1).max(now.as_seconds());
        }
        *self = next;
        Ok(())
    }

    /// The members whose rosters are kept here: those of `domain`, or of the one domain that all accounts among them
    /// have.
    ///
    /// # Errors
    /// [`GroupRefusal::Domains`] where none is configured and there are several.
    fn accounts(&self, domain: Option<&str>) -> Result<BTreeMap<Username, BareJid>, GroupRefusal> {
        let with_account = || self.members.keys().filter(|jid| jid.localpart().is_some());
        let Some(first) = with_account().next() else { return Ok(BTreeMap::new()) };
        if domain.is_none()
            && let Some(other) = with_account().find(|jid| jid.domain() != first.domain())
        {
            return Err(GroupRefusal::Domains(first.clone(), other.clone()));
        }
        let domain = domain.unwrap_or(first.domain());
        let local = with_account().filter(|jid| jid.domain() == domain);
        local
            .map(|jid| {
                let username = Username::parse(jid.localpart().unwrap_or_default());
                let refused = |problem| GroupRefusal::Member { member: jid.clone(), problem };
                Ok((username.map_err(refused)?, jid.clone()))
            })
            .collect()
    }

    /// Whose rosters must be written, and as which member they are in the group; those who left are none.
    ///
    /// # Errors
    /// As [`Group::apply`]; not for a group that an edit has been applied to.
    pub fn rosters(&self, domain: Option<&str>) -> Result<Vec<(Username, Option<BareJid>)>, GroupRefusal> {
        let members = self.accounts(domain)?.into_iter().map(|(username, jid)| (username, Some(jid)));
        Ok(members.chain(self.leaving.iter().map(|username| (username.clone(), None))).collect())
    }

    /// The copy for a roster: all the other members; nobody for those who left.
    #[must_use]
    pub fn copy_for(&self, member: Option<&BareJid>) -> SharedCopy {
        let others = |own: &BareJid| {
            let others = self.members.iter().filter(|(jid, _)| *jid != own);
            others.map(|(jid, member)| (jid.clone(), member.clone())).collect()
        };
        SharedCopy { version: self.version, members: member.map(others).unwrap_or_default() }
    }

    /// Forgets those who left, once their rosters hold no copy any more; nothing where there has been another edit.
    pub fn settle(&mut self, copied: &Self) {
        if self.version == copied.version {
            self.leaving.clear();
        }
    }
}

impl Said for Member {
    fn and(self, other: Self) -> Self {
        Self { name: self.name.or(other.name) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    fn edited(group: &Group, edit: &GroupEdit) -> Group {
        let mut group = group.clone();
        group.apply(edit, None, NOW).unwrap();
        group
    }

    fn team(list: &[&str]) -> GroupEdit {
        GroupEdit::Replace(members(json!(list).to_string().as_bytes()).unwrap())
    }

    fn copies(group: &Group) -> Vec<(String, Vec<String>)> {
        let others = |own: Option<BareJid>| group.copy_for(own.as_ref()).members.into_keys();
        let names = |own| others(own).map(|jid| jid.as_str().to_owned()).collect();
        group.rosters(None).unwrap().into_iter().map(|(user, own)| (user.as_str().to_owned(), names(own))).collect()
    }

    #[test]
    fn members_come_as_array_or_object() {
        let object = members(br#"{"a@x": {"name": "A"}, "B@x": {}, "bot.x": {"name": null}}"#).unwrap();
        assert_eq!(object["a@x"].name.as_deref(), Some("A"));
        let array = members(br#"["a@x", "B@x", "bot.x"]"#).unwrap();
        assert!(array.keys().eq(object.keys()) && array["b@x"] == Member::default());
        for body in ["", "5", "[5]", "[\"a@x\", \"A@x\"]", "[\"a b@x\"]", "{\"a@x\": {\"groups\": []}}", "{\"a@x\": 1}"]
        {
            assert!(members(body.as_bytes()).is_err(), "{body}");
        }
        let many: Vec<String> = (0..=MAX_MEMBERS).map(|number| format!("u{number}@x")).collect();
        assert!(members(json!(many[1..]).to_string().as_bytes()).is_ok());
        assert_eq!(members(json!(many).to_string().as_bytes()).unwrap_err().code(), "too_many_entries");
    }

    #[test]
    fn every_member_gets_every_other() {
        let group = edited(&Group::default(), &team(&["a@x", "b@x", "bot.x"]));
        let of =
            |user: &str, others: &[&str]| (user.to_owned(), others.iter().map(|&o| o.to_owned()).collect::<Vec<_>>());
        assert_eq!(copies(&group), [of("a", &["b@x", "bot.x"]), of("b", &["a@x", "bot.x"])]);
    }

    #[test]
    fn those_who_left_are_remembered_until_their_rosters_are_written() {
        let first = edited(&Group::default(), &team(&["a@x", "b@x"]));
        let second = edited(&first, &GroupEdit::Remove(jid("b@x")));
        let third = edited(&second, &team(&["c@x"]));
        let empty = |user: &str| (user.to_owned(), Vec::new());
        assert_eq!(copies(&third), [empty("c"), empty("a"), empty("b")]);
        let mut settled = third.clone();
        settled.settle(&second);
        assert_eq!(settled, third, "another edit has come since");
        settled.settle(&third);
        assert_eq!(copies(&settled), [empty("c")]);
        let back = edited(&third, &GroupEdit::Put(jid("a@x"), Member::default()));
        assert_eq!(copies(&back).iter().filter(|(user, _)| user == "a").count(), 1);
    }

    #[test]
    fn versions_only_grow() {
        let first = edited(&Group::default(), &team(&["a@x"]));
        assert_eq!(first.version, NOW.as_seconds(), "later than the copies of a group that was deleted by hand");
        assert_eq!(edited(&first, &team(&["a@x"])), first, "nothing changes, nothing grows");
        let second = edited(&first, &team(&[]));
        assert!(second.version > first.version && !second.exists());
        let mut clock_went_back = second.clone();
        clock_went_back.apply(&team(&["a@x"]), None, Timestamp::from_seconds(0)).unwrap();
        assert!(clock_went_back.version > second.version);
    }

    #[test]
    fn whose_rosters_are_kept_here_is_known() {
        let mut group = Group::default();
        let both = team(&["a@x", "b@y", "bot.z"]);
        let refused = group.apply(&both, None, NOW).unwrap_err();
        assert_eq!(refused, GroupRefusal::Domains(jid("a@x"), jid("b@y")));
        assert_eq!(group, Group::default());
        group.apply(&both, Some("y"), NOW).unwrap();
        let users: Vec<_> = group.rosters(Some("y")).unwrap().into_iter().map(|(user, _)| user).collect();
        assert_eq!(users, [Username::parse("b").unwrap()]);
    }

    #[test]
    fn a_group_has_its_limits() {
        let many: Vec<String> = (0..MAX_MEMBERS).map(|number| format!("u{number}@x")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut full = edited(&Group::default(), &team(&many));
        assert_eq!(full.apply(&GroupEdit::Put(jid("one@x"), Member::default()), None, NOW), Err(GroupRefusal::Full));
        full.apply(&GroupEdit::Put(jid("u1@x"), Member { name: Some("One".into()) }), None, NOW).unwrap();
        let stranger = GroupEdit::Remove(jid("one@x"));
        assert_eq!(full.apply(&stranger, None, NOW), Err(GroupRefusal::NotAMember(jid("one@x"))));
    }
}
