//! One roster, edited.

use satchel_core::precondition::{ETag, Preconditions};
use satchel_rosters::{
    contact::Contact,
    document::Roster,
    edit::{EditRefusal, Edited, RosterEdit},
    username::Username,
};
use satchel_store::Documents;

use crate::{error::RosterFetchError, state::State};

/// What a removal that found nothing is refused with; what else is refused is an error.
pub(crate) type Removal = Result<Edited, EditRefusal>;

/// One roster, edited.
pub(crate) struct One {
    pub(crate) tag: ETag,
    pub(crate) edited: Removal,
    /// What the roster said of the contact before the edit, where it is about one, and what it says now.
    pub(crate) before: Option<Contact>,
    pub(crate) made: Option<Contact>,
}

pub(crate) async fn one<D: Documents>(
    state: &State<D>,
    username: &Username,
    change: &RosterEdit,
    conditions: &Preconditions,
) -> Result<One, RosterFetchError> {
    let tag = |roster: &Roster| ETag::of(&roster.to_json(state.clock.now()));
    let jid = match change {
        RosterEdit::Put(jid, _) | RosterEdit::Remove(jid) => Some(jid),
        _ => None,
    };
    let own = |roster: &Roster| jid.and_then(|jid| roster.own(jid)).cloned();
    let mut was_there = false;
    let step = |roster: &mut Roster| {
        let exists = jid.map_or_else(|| *roster != Roster::default(), |jid| roster.has(jid));
        conditions.check_edit(|| tag(roster), exists)?;
        was_there |= exists;
        let before = own(roster);
        Ok::<_, RosterFetchError>((before, applied(roster, change, was_there)?))
    };
    let (roster, (before, edited)) = state.rosters.edit(username, None, step).await?;
    Ok(One { tag: tag(&roster), edited, before, made: own(&roster) })
}

/// Who is gone now and was there when the edit began, whoever has removed them, has been removed.
pub(crate) fn applied(roster: &mut Roster, change: &RosterEdit, was_there: bool) -> Result<Removal, RosterFetchError> {
    match roster.apply(change) {
        Err(EditRefusal::NoContact(_) | EditRefusal::Shared { .. }) if was_there => Ok(Ok(Edited::Done)),
        Err(refusal @ (EditRefusal::NoContact(_) | EditRefusal::Shared { .. })) => Ok(Err(refusal)),
        Err(refusal) => Err(refusal.into()),
        Ok(edited) => Ok(Ok(edited)),
    }
}
