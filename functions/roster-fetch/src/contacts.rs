//! Rosters: fetching one, editing one, editing two that know each other.

use satchel_aws::documents::Found;
use satchel_core::{
    object_key::Key,
    roster::{
        address::{Address, AddressError, Target},
        contact,
        document::Roster,
        edit::{EditRefusal, Edited, RosterEdit},
        jid::ContactJid,
        precondition::ETag,
        username::{NameError, Username},
    },
};

use crate::{Edit, RosterFetchError, State, error::MutualProblem};

/// The roster of a user, `{}` for one who has none: a 404 would end their session.
pub(crate) async fn fetch(state: &State, address: &Address<'_>) -> Result<String, RosterFetchError> {
    let username = match address.fetched_user() {
        Ok(username) => username,
        // Nobody can have stored one under such a name.
        Err(AddressError::Username(NameError::TooLong)) => return Ok("{}".into()),
        Err(error) => return Err(error.into()),
    };
    let found: Found<Roster> = state.documents.read(&Key::of_roster(&username)).await?;
    Ok(found.value.to_json(state.clock.now()))
}

/// Edits a roster, or one contact of it; `mutual` the contact's roster as well.
pub(crate) async fn edit(
    state: &State,
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
        Some(jid) => both(state, &username, &jid, &change, edit).await,
        None => {
            let (tag, edited) = one(state, &username, &change, edit).await?;
            Ok((edited? == Edited::Created, tag))
        }
    }
}

/// What a removal that found nothing is refused with; what else is refused is an error.
type Removal = Result<Edited, EditRefusal>;

async fn one(
    state: &State,
    username: &Username,
    change: &RosterEdit,
    edit: &Edit<'_>,
) -> Result<(ETag, Removal), RosterFetchError> {
    let tag = |roster: &Roster| ETag::of(&roster.to_json(state.clock.now()));
    let mut was_there = false;
    let step = |roster: &mut Roster| {
        let exists = match change {
            RosterEdit::Put(jid, _) | RosterEdit::Remove(jid) => roster.has(jid),
            _ => *roster != Roster::default(),
        };
        edit.conditions.check_edit(|| tag(roster), exists)?;
        was_there |= exists;
        applied(roster, change, was_there)
    };
    let (roster, edited) = state.documents.edit(&Key::of_roster(username), None, step).await?;
    Ok((tag(&roster), edited))
}

/// Who is gone now and was there when the edit began, whoever has removed them, has been removed.
fn applied(roster: &mut Roster, change: &RosterEdit, was_there: bool) -> Result<Removal, RosterFetchError> {
    match roster.apply(change) {
        Err(EditRefusal::NoContact(_) | EditRefusal::Shared { .. }) if was_there => Ok(Ok(Edited::Done)),
        Err(refusal @ (EditRefusal::NoContact(_) | EditRefusal::Shared { .. })) => Ok(Err(refusal)),
        Err(refusal) => Err(refusal.into()),
        Ok(edited) => Ok(Ok(edited)),
    }
}

/// The contact's roster is read, and found to have room, before the first is written. Should writing the second fail, the
/// answer says so; repeating the request completes it.
async fn both(
    state: &State,
    username: &Username,
    jid: &ContactJid,
    change: &RosterEdit,
    edit: &Edit<'_>,
) -> Result<(bool, ETag), RosterFetchError> {
    let (own, contact) = (own_jid(state, username, jid)?, contact_username(jid)?);
    let answering = if edit.deletes { RosterEdit::Remove(own) } else { RosterEdit::Befriend(own) };
    let key = Key::of_roster(&contact);
    let found: Found<Roster> = state.documents.read(&key).await?;
    if let Err(refusal) = applied(&mut found.value.clone(), &answering, false) {
        return Err(RosterFetchError::OtherSide { contact, refusal: refusal.to_string() });
    }
    let (tag, first) = one(state, username, change, edit).await?;
    let mut was_there = false;
    let step = |roster: &mut Roster| {
        if let RosterEdit::Remove(own) = &answering {
            was_there |= roster.has(own);
        }
        applied(roster, &answering, was_there)
    };
    let second = state.documents.edit(&key, Some(found), step).await;
    let (_, second) = second.map_err(|cause| RosterFetchError::HalfDone {
        username: username.clone(),
        contact,
        cause: Box::new(cause),
    })?;
    // What one of the two had was removed; where neither had anything, there was nothing to do.
    let edited = first.or_else(|refusal| second.map_err(|_| refusal))?;
    Ok((edited == Edited::Created, tag))
}

/// The user's own address: in the domain that is configured, or else in that of the contact, who has a roster here.
fn own_jid(state: &State, username: &Username, jid: &ContactJid) -> Result<ContactJid, MutualProblem> {
    let domain = state.config.domain.as_deref();
    if domain.is_some_and(|domain| domain != jid.domain()) {
        return Err(MutualProblem::Elsewhere(jid.clone()));
    }
    let own = ContactJid::parse(&format!("{username}@{}", jid.domain()));
    match own {
        Ok(own) if own == *jid => Err(MutualProblem::Oneself),
        Ok(own) if own.localpart() == Some(username.as_str()) => Ok(own),
        _ => Err(MutualProblem::NoJid(username.clone())),
    }
}

fn contact_username(jid: &ContactJid) -> Result<Username, MutualProblem> {
    let username = jid.localpart().map(Username::parse);
    username.and_then(Result::ok).ok_or_else(|| MutualProblem::NoRoster(jid.clone()))
}
