//! Rosters as documents: found under the name that XMPP servers have for their user, or else under those that earlier versions
//! kept them under.

use std::sync::Arc;

use satchel_core::object_key::Key;
use satchel_store::{
    Documents,
    editor::{DocumentError, Editor, Found},
};
use tokio::sync::OnceCell;

use crate::{
    document::Roster,
    former::{self, FormerName, FormerNames},
    username::Username,
};

/// The rosters of one bucket. Clones share the list of former names.
#[derive(Debug, Clone)]
pub struct Rosters<D> {
    documents: Editor<D>,
    /// No former name is ever added: it is read once.
    former: Arc<OnceCell<FormerNames>>,
}

impl<D: Documents> Rosters<D> {
    /// Rosters among these documents.
    #[must_use]
    pub fn new(documents: Editor<D>) -> Self {
        Self { documents, former: Arc::default() }
    }

    /// Reads a roster, in one request where there is one.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub async fn read(&self, username: &Username) -> Result<Found<Roster>, DocumentError> {
        let found: Found<Roster> = self.documents.read(&username.key()).await?;
        if found.is_stored() {
            return Ok(found);
        }
        let former = self.former(username).await?;
        Ok(if former.is_empty() { found } else { Found::not_stored(self.as_one(&former).await?) })
    }

    /// Changes a roster, as [`Editor::edit`] does. One that is found under a former name is written under the new one.
    ///
    /// # Errors
    /// What `edit` refuses; see [`DocumentError`].
    pub async fn edit<R, E: From<DocumentError>>(
        &self,
        username: &Username,
        found: Option<Found<Roster>>,
        edit: impl FnMut(&mut Roster) -> Result<R, E>,
    ) -> Result<(Roster, R), E> {
        let found = match found {
            Some(found) => Some(found),
            None if self.former(username).await?.is_empty() => None,
            None => Some(self.read(username).await?),
        };
        self.documents.edit(&username.key(), found, edit).await
    }

    /// Where the user's roster may be, too.
    async fn former(&self, username: &Username) -> Result<Vec<Key>, DocumentError> {
        let small = former::in_small_letters(username);
        let mut keys: Vec<_> = small.iter().map(FormerName::key).collect();
        if former::may_be_listed(username) {
            let names = self.former.get_or_try_init(|| self.listed()).await?;
            keys.extend(names.of(username).map(FormerName::key));
        }
        Ok(keys)
    }

    async fn as_one(&self, keys: &[Key]) -> Result<Roster, DocumentError> {
        let mut rosters = Vec::new();
        for key in keys {
            let found: Found<Roster> = self.documents.read(key).await?;
            rosters.push(found.value);
        }
        Ok(former::as_one(rosters))
    }

    /// The list that is stored, or else, once, of all rosters there are.
    async fn listed(&self) -> Result<FormerNames, DocumentError> {
        let key = FormerNames::key();
        let found: Found<FormerNames> = self.documents.read(&key).await?;
        if found.value.is_complete() {
            return Ok(found.value);
        }
        let keys = self.documents.keys(FormerNames::PREFIX).await?;
        let names = FormerNames::among(keys.iter().map(String::as_str));
        let step = |stored: &mut FormerNames| {
            stored.clone_from(&names);
            Ok::<_, DocumentError>(())
        };
        // Where it cannot be kept, it is made again.
        let _ = self.documents.edit(&key, Some(found), step).await;
        Ok(names)
    }
}
