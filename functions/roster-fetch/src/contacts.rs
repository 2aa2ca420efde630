//! Rosters: fetching one, editing one.

use satchel_core::precondition::ETag;
use satchel_rosters::{
    contact,
    edit::{Edited, RosterEdit},
    username::{NameError, Username},
};
use satchel_store::Documents;

use crate::{
    address::{Address, AddressError, Target},
    edit::Edit,
    error::{MutualProblem, RosterFetchError},
    mutual,
    one::one,
    state::State,
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
