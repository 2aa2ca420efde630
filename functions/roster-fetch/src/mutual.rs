//! Editing two rosters that know each other. S3 writes one object at a time, so the two are written one after the other,
//! and the first is looked at once more: a request that is answered with a success has left both sides as it says, or
//! another has changed both since. Whoever last wrote one side after another had written the other would find that out.

use satchel_core::{
    jid::BareJid,
    precondition::{ETag, Preconditions},
};
use satchel_rosters::{
    document::Roster,
    edit::{Edited, RosterEdit},
    username::Username,
};
use satchel_store::{Documents, editor::pause};

use crate::{
    Edit, RosterFetchError, State,
    contacts::{One, Removal, applied, one},
    error::MutualProblem,
};

/// The two sides of an edit.
struct Sides<'a> {
    username: &'a Username,
    jid: &'a BareJid,
    change: &'a RosterEdit,
    contact: Username,
    /// What the change means for the contact's roster.
    answering: RosterEdit,
}

/// Edits a contact of a roster, and the user in the contact's. Where another request has undone the first side
/// meanwhile, both are written again; the conditions are those of the moment when the edit began.
pub(crate) async fn both<D: Documents>(
    state: &State<D>,
    username: &Username,
    jid: &BareJid,
    change: &RosterEdit,
    edit: &Edit<'_>,
) -> Result<(bool, ETag), RosterFetchError> {
    let (own, contact) = (own_jid(state, username, jid)?, contact_username(jid)?);
    let answering = if edit.deletes { RosterEdit::Remove(own) } else { RosterEdit::Befriend(own) };
    let sides = Sides { username, jid, change, contact, answering };
    let (mut tag, edited) = round(state, &sides, &edit.conditions).await?;
    let edited = edited?;
    for attempt in 1_u32.. {
        let first = state.rosters.read(username).await.map_err(unverified)?;
        if first.value.has(jid) != edit.deletes {
            break;
        }
        pause(attempt).await.map_err(unverified)?;
        (tag, _) = round(state, &sides, &Preconditions::default()).await.map_err(|error| sides.half_done(error))?;
    }
    Ok((edited == Edited::Created, tag))
}

/// The contact's roster is read, and found to have room, before the first is written. Should writing the second fail, the
/// answer says so; repeating the request completes it.
async fn round<D: Documents>(
    state: &State<D>,
    sides: &Sides<'_>,
    conditions: &Preconditions,
) -> Result<(ETag, Removal), RosterFetchError> {
    let found = state.rosters.read(&sides.contact).await?;
    let mut expected = found.value.clone();
    if let Err(refusal) = applied(&mut expected, &sides.answering, false) {
        return Err(sides.refused(&refusal));
    }
    // Where nothing is to be written there, no condition would tell that it has changed since: it is read again.
    let found = (expected != found.value).then_some(found);
    let first = one(state, sides.username, sides.change, conditions).await?;
    let mut was_there = false;
    let step = |roster: &mut Roster| {
        if let RosterEdit::Remove(own) = &sides.answering {
            was_there |= roster.has(own);
        }
        applied(roster, &sides.answering, was_there)
    };
    match state.rosters.edit(&sides.contact, found, step).await {
        // What one of the two had was removed; where neither had anything, there was nothing to do.
        Ok((_, second)) => Ok((first.tag, first.edited.or_else(|refusal| second.map_err(|_| refusal)))),
        Err(refusal @ RosterFetchError::Edit(_)) => Err(undo(state, sides, first, &refusal).await),
        Err(cause) => Err(sides.half_done(cause)),
    }
}

/// The contact's roster has become full in between: the first is as it was.
async fn undo<D: Documents>(
    state: &State<D>,
    sides: &Sides<'_>,
    first: One,
    refusal: &RosterFetchError,
) -> RosterFetchError {
    let restore = RosterEdit::Restore { jid: sides.jid.clone(), made: first.made, before: first.before };
    let step = |roster: &mut Roster| roster.apply(&restore).map_err(RosterFetchError::from);
    match state.rosters.edit(sides.username, None, step).await {
        Ok(_) => sides.refused(refusal),
        Err(cause) => sides.half_done(cause),
    }
}

impl Sides<'_> {
    fn refused(&self, refusal: &RosterFetchError) -> RosterFetchError {
        RosterFetchError::OtherSide { contact: self.contact.clone(), refusal: refusal.to_string() }
    }

    fn half_done(&self, cause: RosterFetchError) -> RosterFetchError {
        let (username, contact) = (self.username.clone(), self.contact.clone());
        RosterFetchError::HalfDone { username, contact, cause: Box::new(cause) }
    }
}

fn unverified(cause: impl Into<RosterFetchError>) -> RosterFetchError {
    RosterFetchError::Unverified(Box::new(cause.into()))
}

/// The user's own address: in the domain that is configured, or else in that of the contact, who has a roster here.
fn own_jid<D: Documents>(state: &State<D>, username: &Username, jid: &BareJid) -> Result<BareJid, MutualProblem> {
    let domain = state.config.domain.as_deref();
    if domain.is_some_and(|domain| domain != jid.domain()) {
        return Err(MutualProblem::Elsewhere(jid.clone()));
    }
    let own = BareJid::parse(&format!("{username}@{}", jid.domain()));
    match own {
        Ok(own) if own == *jid => Err(MutualProblem::Oneself),
        Ok(own) if own.localpart() == Some(username.as_str()) => Ok(own),
        _ => Err(MutualProblem::NoJid(username.clone())),
    }
}

fn contact_username(jid: &BareJid) -> Result<Username, MutualProblem> {
    let username = jid.localpart().map(Username::parse);
    username.and_then(Result::ok).ok_or_else(|| MutualProblem::NoRoster(jid.clone()))
}
