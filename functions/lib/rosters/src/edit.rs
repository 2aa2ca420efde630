//! Edits of one roster: pure functions from a roster to the next one. Whoever stores it repeats them where another edit
//! was faster.

mod notes;
mod own;

use std::collections::{BTreeMap, BTreeSet};

use satchel_core::{jid::BareJid, time::Timestamp};

use crate::{
    contact::{Contact, MAX_CONTACTS},
    document::Roster,
    group::{GroupName, SharedCopy},
};

/// Bytes of a roster as it is fetched. Lambda answers at most 6 MiB, in which quotation marks and backslashes count
/// twice (AWS: "Lambda quotas").
pub const MAX_ROSTER_BYTES: usize = 3_000_000;

/// Bytes of a roster as it is stored, with the notes about what Prosody has not been told.
const MAX_STORED_BYTES: usize = 4_000_000;

/// What to do with a roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RosterEdit {
    /// These are the user's own contacts, and no others.
    Replace(BTreeMap<BareJid, Contact>),
    /// One more, or another name and other groups for one.
    Put(BareJid, Contact),
    /// One more, unless they are there already, under whatever name.
    Befriend(BareJid),
    /// One fewer.
    Remove(BareJid),
    /// As it was before an edit that could not be completed: one more or one fewer, unless somebody has changed the
    /// contact since.
    Restore {
        /// Who.
        jid: BareJid,
        /// What the edit had made of it.
        made: Option<Contact>,
        /// What was there before.
        before: Option<Contact>,
    },
    /// A copy of a shared group, unless a later one is there.
    Share(GroupName, SharedCopy),
    /// Leave changed contacts out until then.
    Hide(Timestamp),
    /// Show them again: they have been told.
    Show,
}

/// What an edit came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// There is something where nothing was.
    Created,
    /// What was there is different, gone, or just as it was to be.
    Done,
}

/// Why a roster is not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditRefusal {
    /// Nobody to remove.
    #[error("'{0}' is not in this roster")]
    NoContact(BareJid),
    /// Not the user's own to remove.
    #[error("'{jid}' is in this roster through the shared group '{group}' alone: edit the group")]
    Shared {
        /// Who.
        jid: BareJid,
        /// Where they are a member.
        group: GroupName,
    },
    /// One too many.
    #[error("the roster is full: it may have 5,000 contacts")]
    Full,
    /// Too many bytes.
    #[error("the roster would have {0} bytes, 3,000,000 at most can be served: use shorter names or fewer groups")]
    TooLarge(usize),
}

impl Roster {
    /// Edits the roster in place, and notes whose name or groups are other than before.
    ///
    /// # Errors
    /// See [`EditRefusal`]; nothing is changed then.
    pub fn apply(&mut self, edit: &RosterEdit) -> Result<Edited, EditRefusal> {
        let mut next = self.clone();
        let edited = next.change(edit)?;
        if next != *self && !matches!(edit, RosterEdit::Hide(_) | RosterEdit::Show) {
            next.check(self)?;
            next.note_changes(self);
            next.keep_notes_short();
        }
        *self = next;
        Ok(edited)
    }

    fn change(&mut self, edit: &RosterEdit) -> Result<Edited, EditRefusal> {
        match edit {
            RosterEdit::Replace(contacts) => Ok(self.replace(contacts)),
            RosterEdit::Put(jid, contact) => {
                let own = self.less_shared(jid, contact);
                Ok(created(self.contacts.insert(jid.clone(), own).is_none()))
            }
            RosterEdit::Befriend(jid) if self.has(jid) => Ok(Edited::Done),
            RosterEdit::Befriend(jid) => Ok(created(self.contacts.insert(jid.clone(), Contact::default()).is_none())),
            RosterEdit::Remove(jid) => self.remove(jid),
            RosterEdit::Restore { jid, made, before } => {
                self.restore(jid, made.as_ref(), before.as_ref());
                Ok(Edited::Done)
            }
            RosterEdit::Share(group, copy) => Ok(self.share(group, copy)),
            RosterEdit::Hide(until) => Ok(self.hide(*until)),
            RosterEdit::Show => {
                self.hidden = None;
                Ok(Edited::Done)
            }
        }
    }

    fn share(&mut self, group: &GroupName, copy: &SharedCopy) -> Edited {
        let later = self.shared.get(group).is_some_and(|known| known.version > copy.version);
        if later {
            return Edited::Done;
        }
        created(self.shared.insert(group.clone(), copy.clone()).is_none())
    }

    /// What makes a roster smaller is always allowed.
    fn check(&self, before: &Self) -> Result<(), EditRefusal> {
        if self.contacts.len() > MAX_CONTACTS.max(before.contacts.len()) {
            return Err(EditRefusal::Full);
        }
        let size = self.size();
        if size > MAX_ROSTER_BYTES && size > before.size() { Err(EditRefusal::TooLarge(size)) } else { Ok(()) }
    }

    /// The larger one of what is fetched and what is stored, in bytes.
    fn size(&self) -> usize {
        let lasting = Self { changed: BTreeSet::new(), hidden: None, ..self.clone() };
        lasting.to_json(Timestamp::from_seconds(0)).len().max(lasting.stored_bytes())
    }

    fn stored_bytes(&self) -> usize {
        // What has been read as JSON can be written as JSON.
        serde_json::to_vec(self).map_or(0, |json| json.len())
    }
}

const fn created(is_new: bool) -> Edited {
    if is_new { Edited::Created } else { Edited::Done }
}

#[cfg(test)]
mod tests;
