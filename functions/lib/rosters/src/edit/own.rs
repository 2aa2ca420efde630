//! The user's own contacts, apart from what shared groups say of the same people.

use std::collections::BTreeMap;

use satchel_core::jid::BareJid;

use crate::{
    contact::Contact,
    document::Roster,
    edit::{EditRefusal, Edited, created},
};

impl Roster {
    /// A roster that has been fetched and is sent back changes nothing: what it says of contacts that shared groups
    /// say, too, does not become the user's own.
    pub(super) fn replace(&mut self, contacts: &BTreeMap<BareJid, Contact>) -> Edited {
        let was_empty = self.contacts.is_empty();
        let shared = self.shared_names();
        let own = contacts.iter().filter_map(|(jid, contact)| {
            let (known, shared_name) = (self.contacts.get(jid), shared.get(jid));
            let mut own = self.less_shared(jid, contact);
            if known.is_none_or(|known| known.name.is_none()) && own.name.as_deref() == shared_name.copied().flatten() {
                own.name = None;
            }
            let kept = known.is_some() || shared_name.is_none() || own != Contact::default();
            kept.then(|| (jid.clone(), own))
        });
        let own = own.collect();
        self.contacts = own;
        created(was_empty && !self.contacts.is_empty())
    }

    /// What the shared groups call their members.
    fn shared_names(&self) -> BTreeMap<&BareJid, Option<&str>> {
        let mut names = BTreeMap::new();
        for (jid, member) in self.shared.values().flat_map(|copy| &copy.members) {
            let name: &mut Option<&str> = names.entry(jid).or_default();
            *name = name.or(member.name.as_deref());
        }
        names
    }

    /// A contact without the groups that are shared: who leaves such a group must not keep its name.
    pub(super) fn less_shared(&self, jid: &BareJid, contact: &Contact) -> Contact {
        let shared = |group: &String| {
            let copy = self.shared.iter().find(|(name, _)| name.as_str() == group);
            copy.is_some_and(|(_, copy)| copy.members.contains_key(jid))
        };
        let groups = contact.groups.iter().filter(|group| !shared(group)).cloned().collect();
        Contact { name: contact.name.clone(), groups }
    }

    pub(super) fn remove(&mut self, jid: &BareJid) -> Result<Edited, EditRefusal> {
        match (self.contacts.remove(jid), self.shares(jid)) {
            (Some(_), _) => Ok(Edited::Done),
            (None, Some(group)) => Err(EditRefusal::Shared { jid: jid.clone(), group: group.clone() }),
            (None, None) => Err(EditRefusal::NoContact(jid.clone())),
        }
    }

    pub(super) fn restore(&mut self, jid: &BareJid, made: Option<&Contact>, before: Option<&Contact>) {
        if self.contacts.get(jid) != made {
            return;
        }
        match before {
            Some(before) => self.contacts.insert(jid.clone(), before.clone()),
            None => self.contacts.remove(jid),
        };
    }
}
