//! Notes of what Prosody has not been told: whose name or groups have changed, and who is left out until it has noticed.

use std::collections::BTreeSet;

use satchel_core::{jid::BareJid, time::Timestamp};

use crate::{
    document::{Hidden, Roster},
    edit::{Edited, MAX_STORED_BYTES},
};

impl Roster {
    /// Contacts that somebody hid and did not get to show are hidden once more.
    pub(super) fn hide(&mut self, until: Timestamp) -> Edited {
        let mut contacts = std::mem::take(&mut self.changed);
        contacts.extend(self.hidden.take().into_iter().flat_map(|hidden| hidden.contacts));
        self.hidden = (!contacts.is_empty()).then_some(Hidden { until, contacts });
        Edited::Done
    }

    /// Whether anything is left out, or was meant to be.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.hidden.is_some()
    }

    /// Without them, changes of names and groups reach Prosody with the next login.
    pub(super) fn keep_notes_short(&mut self) {
        if self.stored_bytes() > MAX_STORED_BYTES {
            (self.changed, self.hidden) = (BTreeSet::new(), None);
        }
    }

    pub(super) fn note_changes(&mut self, before: &Self) {
        let (old, new) = (before.entries(), self.entries());
        let differs = |jid: &BareJid| old.get(jid).is_some_and(|entry| new.get(jid) != Some(entry));
        let changed: BTreeSet<_> = new.keys().filter(|jid| differs(jid)).map(|jid| (*jid).clone()).collect();
        let there: BTreeSet<_> = self.changed.iter().filter(|jid| new.contains_key(jid)).cloned().collect();
        self.changed = there.into_iter().chain(changed).collect();
    }
}
