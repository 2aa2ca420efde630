//! Shared groups: whoever edits one writes its members' rosters, so that fetching a roster stays one request.

use futures_util::{StreamExt, stream};
use satchel_core::{jid::BareJid, object_key::Key, precondition::ETag};
use satchel_rosters::{
    document::Roster,
    edit::RosterEdit,
    group::{self, Group, GroupEdit, GroupName, GroupRefusal},
    username::Username,
};
use satchel_store::{Documents, editor::Found};

use crate::{
    Edit, RosterFetchError, State,
    address::{Address, Target},
};

/// Rosters that are written at the same time.
const WRITERS: usize = 16;

/// The members of a group.
pub(crate) async fn fetch<D: Documents>(state: &State<D>, address: &Address<'_>) -> Result<String, RosterFetchError> {
    let name = address.fetched_group()?;
    let found: Found<Group> = state.documents.read(&name.key()).await?;
    if found.value.exists() { Ok(found.value.to_json()) } else { Err(RosterFetchError::NoGroup(name)) }
}

/// Edits a group, then the rosters of all who are in it or have left it. Should that break midway, the group is as it
/// should be, and repeating the request brings the rest in line.
pub(crate) async fn edit<D: Documents>(
    state: &State<D>,
    target: Target<GroupName>,
    edit: &Edit<'_>,
) -> Result<(bool, ETag), RosterFetchError> {
    let Target { of: name, entry } = target;
    let change = match (entry, edit.deletes) {
        (None, false) => GroupEdit::Replace(group::members(edit.body)?),
        (None, true) => GroupEdit::Replace(Default::default()),
        (Some(jid), false) => GroupEdit::Put(jid, group::member(edit.body)?),
        (Some(jid), true) => GroupEdit::Remove(jid),
    };
    let key = name.key();
    let mut was_there = false;
    let step = |group: &mut Group| {
        let exists = match &change {
            GroupEdit::Put(jid, _) | GroupEdit::Remove(jid) => group.has(jid),
            GroupEdit::Replace(_) => group.exists(),
        };
        edit.conditions.check_edit(|| ETag::of(&group.to_json()), exists)?;
        was_there |= exists;
        applied(state, &name, group, &change, was_there || !edit.deletes).map(|()| !exists)
    };
    let (group, created) = state.documents.edit(&key, None, step).await?;
    share(state, &name, &group).await?;
    settle(state, &key, &group).await;
    Ok((created, ETag::of(&group.to_json())))
}

/// A deletion that is repeated because it broke midway finds nothing to delete but its own traces.
fn applied<D: Documents>(
    state: &State<D>,
    name: &GroupName,
    group: &mut Group,
    change: &GroupEdit,
    was_there: bool,
) -> Result<(), RosterFetchError> {
    let may_repeat = was_there || !group.is_settled();
    if !group.exists() && !may_repeat {
        return Err(RosterFetchError::NoGroup(name.clone()));
    }
    match group.apply(change, state.config.domain.as_deref(), state.clock.now()) {
        Err(GroupRefusal::NotAMember(_)) if may_repeat => Ok(()),
        applied => Ok(applied?),
    }
}

/// Writes the group into every roster that it concerns.
async fn share<D: Documents>(state: &State<D>, name: &GroupName, group: &Group) -> Result<(), RosterFetchError> {
    let rosters = group.rosters(state.config.domain.as_deref())?;
    let all = rosters.len();
    let write = |(username, member): (Username, Option<BareJid>)| async move {
        let change = RosterEdit::Share(name.clone(), group.copy_for(member.as_ref()));
        let step = |roster: &mut Roster| roster.apply(&change).map_err(RosterFetchError::from);
        (state.rosters.edit(&username, None, step).await, username)
    };
    let mut written = stream::iter(rosters).map(write).buffer_unordered(WRITERS);
    let (mut full, mut left, mut cause) = (Vec::new(), Vec::new(), None);
    while let Some((outcome, username)) = written.next().await {
        match outcome {
            Ok(_) => {}
            Err(RosterFetchError::Edit(_)) => full.push(username),
            Err(error) => {
                left.push(username);
                cause = Some(error);
            }
        }
    }
    match cause {
        Some(cause) => Err(RosterFetchError::Unshared { left, all, cause: Box::new(cause) }),
        None if full.is_empty() => Ok(()),
        None => Err(RosterFetchError::MembersFull(full)),
    }
}

/// Forgets who has left. Should it fail, they are visited once more with the next edit, and that is all.
async fn settle<D: Documents>(state: &State<D>, key: &Key, group: &Group) {
    if group.is_settled() {
        return;
    }
    let step = |stored: &mut Group| {
        stored.settle(group);
        Ok::<_, RosterFetchError>(())
    };
    let _ = state.documents.edit(key, None, step).await;
}
