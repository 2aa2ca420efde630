//! A user's roster as it is stored, one object each: own contacts, copies of shared groups, and what Prosody has not
//! been told yet.

use std::collections::{BTreeMap, BTreeSet};

use satchel_core::{jid::BareJid, time::Timestamp};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use crate::{
    contact::Contact,
    group::{GroupName, SharedCopy},
    once::{add, each_once},
};

/// A stored roster. What is not there is an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// The user's own contacts.
    #[serde(default, deserialize_with = "each_once")]
    pub(super) contacts: BTreeMap<BareJid, Contact>,
    /// The groups that the user shares with others, or has shared.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) shared: BTreeMap<GroupName, SharedCopy>,
    /// Contacts whose name or groups have changed; mod_http_roster_admin does not notice that.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) changed: BTreeSet<BareJid>,
    /// Contacts that are left out for a moment, so that it notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hidden: Option<Hidden>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hidden {
    /// From then on they are shown, whatever has become of the one who hid them.
    pub(super) until: Timestamp,
    pub(super) contacts: BTreeSet<BareJid>,
}

/// What a fetched roster says of a contact, own and shared put together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty", serialize_with = "as_object")]
    pub(super) groups: BTreeSet<&'a str>,
}

/// mod_http_roster_admin takes the keys of `groups` for their names: an array's would be numbers.
fn as_object<S: Serializer>(groups: &BTreeSet<&str>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(groups.len()))?;
    groups.iter().try_for_each(|group| map.serialize_entry(group, &true))?;
    map.end()
}

impl Roster {
    /// What mod_http_roster_admin reads: `{jid: {name?, groups?}}`, no null in it, groups as an object.
    #[must_use]
    pub fn to_json(&self, now: Timestamp) -> String {
        let mut entries = self.entries();
        if let Some(hidden) = self.hidden.as_ref().filter(|hidden| !hidden.until.is_reached(now)) {
            entries.retain(|jid, _| !hidden.contacts.contains(*jid));
        }
        // Maps of strings are always JSON.
        serde_json::to_string(&entries).unwrap_or_default()
    }

    /// This roster and another one of the same user.
    #[must_use]
    pub(super) fn with(mut self, other: Self) -> Self {
        for (jid, contact) in other.contacts {
            add(&mut self.contacts, jid, contact);
        }
        for (group, copy) in other.shared {
            let known = self.shared.entry(group).or_insert_with(|| copy.clone());
            if copy.version > known.version {
                *known = copy;
            }
        }
        self.changed.extend(other.changed);
        Self { hidden: self.hidden.or(other.hidden), ..self }
    }

    /// Every contact, hidden or not: the name is one's own or else that of the first group, by name, that has one.
    pub(super) fn entries(&self) -> BTreeMap<&BareJid, Entry<'_>> {
        let mut entries: BTreeMap<_, _> =
            self.contacts.iter().map(|(jid, contact)| (jid, Entry::of(contact))).collect();
        for (group, copy) in &self.shared {
            for (jid, member) in &copy.members {
                let entry: &mut Entry<'_> = entries.entry(jid).or_default();
                entry.name = entry.name.or(member.name.as_deref());
                entry.groups.insert(group.as_str());
            }
        }
        entries
    }

    /// Whether the user has this contact, by themselves.
    #[must_use]
    pub fn has(&self, jid: &BareJid) -> bool {
        self.contacts.contains_key(jid)
    }

    /// What the user themselves say of this contact.
    #[must_use]
    pub fn own(&self, jid: &BareJid) -> Option<&Contact> {
        self.contacts.get(jid)
    }

    /// A group through which the user has this contact.
    #[must_use]
    pub fn shares(&self, jid: &BareJid) -> Option<&GroupName> {
        self.shared.iter().find(|(_, copy)| copy.members.contains_key(jid)).map(|(group, _)| group)
    }
}

impl<'a> Entry<'a> {
    fn of(contact: &'a Contact) -> Self {
        Self { name: contact.name.as_deref(), groups: contact.groups.iter().map(String::as_str).collect() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn fetched(stored: Value, now: Timestamp) -> Value {
        let roster: Roster = serde_json::from_value(stored).unwrap();
        serde_json::from_str(&roster.to_json(now)).unwrap()
    }

    #[test]
    fn a_roster_has_the_shape_that_the_module_survives() {
        let stored = json!({"contacts": {
            "marie@x": {"name": "Marie", "groups": ["Friends", "Work"]},
            "michael@x": {"groups": ["Friends"]},
            "bot.x": {"name": "Bot"},
            "plain@x": {},
        }});
        let expected = json!({
            "marie@x": {"name": "Marie", "groups": {"Friends": true, "Work": true}},
            "michael@x": {"groups": {"Friends": true}},
            "bot.x": {"name": "Bot"},
            "plain@x": {},
        });
        assert_eq!(fetched(stored, NOW), expected);
        assert_eq!(Roster::default().to_json(NOW), "{}");
        assert_eq!(fetched(json!({}), NOW), json!({}));
    }

    #[test]
    fn shared_groups_are_merged_into_it() {
        let stored = json!({
            "contacts": {"marie@x": {"name": "My Marie", "groups": ["Friends"]}, "own@x": {}},
            "shared": {
                "Choir": {"version": 3, "members": {"michael@x": {"name": "Bass"}, "own@x": {"name": "Alto"}}},
                "Left": {"version": 9},
                "Team": {"version": 1, "members": {"marie@x": {"name": "M."}, "michael@x": {"name": "Boss"}, "n@x": {}}},
            },
        });
        let expected = json!({
            "marie@x": {"name": "My Marie", "groups": {"Friends": true, "Team": true}},
            "michael@x": {"name": "Bass", "groups": {"Choir": true, "Team": true}},
            "n@x": {"groups": {"Team": true}},
            "own@x": {"name": "Alto", "groups": {"Choir": true}},
        });
        assert_eq!(fetched(stored, NOW), expected);
    }

    #[test]
    fn hidden_contacts_come_back_by_themselves() {
        let stored = json!({
            "contacts": {"marie@x": {"name": "Marie"}, "michael@x": {}},
            "hidden": {"until": 1_001, "contacts": ["marie@x", "gone@x"]},
        });
        assert_eq!(fetched(stored.clone(), NOW), json!({"michael@x": {}}));
        let shown = json!({"marie@x": {"name": "Marie"}, "michael@x": {}});
        assert_eq!(fetched(stored, NOW.plus(1)), shown);
    }

    #[test]
    fn contacts_that_were_two_in_earlier_spellings_are_one() {
        let stored = json!({
            "contacts": {
                "strasse@x": {"name": "Street", "groups": ["F"]},
                "straße@x": {"name": "Straße", "groups": ["G"]},
                "\u{fb01}@straße.x": {},
                "kept@b_c": {},
            },
            "shared": {"T": {"version": 1, "members": {"οδος@x": {"name": "Odos"}}}},
        });
        let expected = json!({
            "strasse@x": {"name": "Street", "groups": {"F": true, "G": true}},
            "fi@strasse.x": {},
            "kept@b_c": {},
            "οδοσ@x": {"name": "Odos", "groups": {"T": true}},
        });
        assert_eq!(fetched(stored, NOW), expected);
    }

    #[test]
    fn what_is_stored_is_read_back_or_refused() {
        let stored = json!({
            "contacts": {"a@x": {"name": "A", "groups": ["F"]}},
            "shared": {"T": {"version": 2, "members": {"b@x": {"name": "B"}}}},
            "changed": ["a@x"],
            "hidden": {"until": 5, "contacts": ["a@x"]},
        });
        let roster: Roster = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(&roster).unwrap(), stored);
        for foreign in
            [json!(5), json!({"a@x": {}}), json!({"contacts": []}), json!({"contacts": {"a@x": {"nick": 1}}})]
        {
            assert!(serde_json::from_value::<Roster>(foreign.clone()).is_err(), "{foreign}");
        }
    }
}
