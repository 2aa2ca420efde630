//! Rosters: fetching one, editing one.

use satchel_core::precondition::{ETag, Preconditions};
use satchel_rosters::{
    contact::{self, Contact},
    document::Roster,
    edit::{EditRefusal, Edited, RosterEdit},
    username::{NameError, Username},
};
use satchel_store::Documents;

use crate::{
    Edit, RosterFetchError, State,
    address::{Address, AddressError, Target},
    error::MutualProblem,
    mutual,
};

/// The roster of a user, `{}` for one who has none: a 404 would end their session.
pub(crate) async fn fetch<D: Documents>(state: &State<D>, address: &Address<'_>) -> Result<String, RosterFetchError> {
    let username = match address.fetched_user() {
        Ok(username) => username,
        // Nobody can have stored one under such a name.
        Err(AddressError::Username(NameError::TooLong)) => return Ok("{}".into()),
        Err(error) => return Err(error.into()),
    };
    let found = state.rosters.read(&username).await?;
    Ok(found.value.to_json(state.clock.now()))
}

/// Edits a roster, or one contact of it; `mutual` the contact's roster as well.
pub(crate) async fn edit<D: Documents>(
    state: &State<D>,
    target: Target<Username>,
    edit: &Edit<'_>,
) -> Result<(bool, ETag), RosterFetchError> {
    let Target { of: username, entry } = target;
    let change = match (&entry, edit.deletes) {
        (None, true) => return Err(RosterFetchError::Method("OPTIONS, HEAD, GET, PUT")),
        (None, false) if edit.mutual => return Err(MutualProblem::WholeRoster.into()),
        (None, false) => RosterEdit::Replace(contact::contacts(edit.body)?),
        (Some(jid), false) => RosterEdit::Put(jid.clone(), contact::contact(edit.body)?),
        (Some(jid), true) => RosterEdit::Remove(jid.clone()),
    };
    match entry.filter(|_| edit.mutual) {
        Some(jid) => mutual::both(state, &username, &jid, &change, edit).await,
        None => {
            let one = one(state, &username, &change, &edit.conditions).await?;
            Ok((one.edited? == Edited::Created, one.tag))
        }
    }
}

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
