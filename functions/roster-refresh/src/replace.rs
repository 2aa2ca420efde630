//! Names and groups that have changed: mod_http_roster_admin only notices who has come and gone. So the changed contacts
//! go, for as long as one refresh takes, and come again with another.

use futures_util::{StreamExt, stream};
use satchel_rosters::{
    document::Roster,
    edit::{EditRefusal, RosterEdit},
    stored::Rosters,
    username::Username,
};
use satchel_store::{Documents, editor::DocumentError};
use tokio::time::Instant;

use crate::{RosterRefreshError, State, prosody::Broken, refresh::Report};

/// Seconds after which hidden contacts are shown again by themselves, should this function not get to it: longer than it
/// may run.
const HIDDEN_FOR: u64 = 60;
/// Rosters that are written at the same time.
const WRITERS: usize = 16;

/// Refreshes these users, those with changed contacts twice.
pub(crate) async fn replace<D: Documents>(
    state: &State<D>,
    usernames: &[Username],
    until: Instant,
) -> Result<Result<Report, Broken>, RosterRefreshError> {
    let tell = async |usernames: &[Username]| state.prosody.tell(&state.config.prosody, usernames, until).await;
    let rosters = state.rosters.as_ref().ok_or(RosterRefreshError::NoBucket)?;
    let hide = RosterEdit::Hide(state.clock.now().plus(HIDDEN_FOR));
    let hidden = all(rosters, usernames, &hide).await;
    let hiding: Vec<Username> = hidden.hiding;
    if hiding.is_empty() && hidden.failed.is_none() {
        return Ok(tell(usernames).await);
    }
    let gone = match hidden.failed {
        None => tell(&hiding).await,
        Some(error) => {
            all(rosters, &hiding, &RosterEdit::Show).await;
            return Err(error.into());
        }
    };
    if let Some(error) = all(rosters, &hiding, &RosterEdit::Show).await.failed {
        return Err(RosterRefreshError::StillHidden(error));
    }
    match gone {
        Ok(_) => Ok(tell(usernames).await),
        Err(broken) => Ok(Err(broken)),
    }
}

/// What editing several rosters came to.
struct Outcome {
    /// Whose rosters leave contacts out now.
    hiding: Vec<Username>,
    failed: Option<DocumentError>,
}

async fn all<D: Documents>(rosters: &Rosters<D>, usernames: &[Username], edit: &RosterEdit) -> Outcome {
    let write = |username: &Username| {
        let username = username.clone();
        async move {
            let step = |roster: &mut Roster| roster.apply(edit).map_err(Unedited::from);
            rosters.edit(&username, None, step).await.map(|(roster, _)| roster.hides().then_some(username))
        }
    };
    let mut outcome = Outcome { hiding: Vec::new(), failed: None };
    let mut written = stream::iter(usernames).map(write).buffer_unordered(WRITERS);
    while let Some(edited) = written.next().await {
        match edited {
            Ok(hiding) => outcome.hiding.extend(hiding),
            Err(Unedited::Document(error)) => outcome.failed = Some(error),
            // Neither hiding nor showing is ever refused.
            Err(Unedited::Refused(_)) => {}
        }
    }
    outcome
}

#[derive(Debug, thiserror::Error)]
enum Unedited {
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Refused(#[from] EditRefusal),
}
