//! The chat bot's effects: looking up and deleting the sender's own files. What it says is decided in [`commands`].

pub(crate) mod commands;

use futures_util::future::try_join_all;
use lambda_http::{Body, Response};
use satchel_aws::log;
use satchel_core::{
    grant::OwnerId,
    object_key::{Key, StoredObject},
    purpose::Purpose,
    upload_path::UploadPath,
};
use satchel_store::{Doomed, Fate, Kind, Listed, StoreError};
use serde_json::json;

use crate::{
    answers::{JSON, ok},
    quota,
    state::{Shelf, State},
};
use commands::{Chat, Command, FileNumber, OwnFile, SHOWN};

/// Pages of 1,000 files that are listed at the most.
const MAX_PAGES: usize = 10;

/// Answers a message.
pub(crate) async fn answer<S: Shelf>(state: &State<S>, chat: &Chat, public_url: &str) -> Response<Body> {
    let replied = reply(state, chat, public_url).await;
    let (code, text) = replied.as_ref().map_or_else(|_| ("storage_unavailable", commands::unavailable()), Clone::clone);
    let body = json!({ "kind": "message", "type": chat.kind.as_str(), "body": text }).to_string();
    let mut response = ok(code, JSON, body);
    if let Err(cause) = replied {
        log::note(&mut response, "cause", cause.to_string());
    }
    response
}

async fn reply<S: Shelf>(
    state: &State<S>,
    chat: &Chat,
    public_url: &str,
) -> Result<(&'static str, String), StoreError> {
    let policy = &state.config.policy;
    Ok(match &chat.command {
        Command::Help => ("chat_help", commands::help(policy)),
        Command::Unknown => ("chat_unknown", commands::unknown()),
        Command::Quota => {
            let spent = match chat.owners.first() {
                Some(owner) => quota::spent(state, *owner).await?,
                None => 0,
            };
            ("chat_quota", commands::quota(policy, spent, state.clock.now()))
        }
        Command::List => ("chat_list", list(state, &chat.owners, public_url).await?),
        Command::DeleteNumber(number) => ("chat_delete", delete_number(state, &chat.owners, *number).await?),
        Command::DeleteUrl(url) => (
            "chat_delete",
            match commands::path_of(url, public_url) {
                Some(path) => delete(state, &chat.owners, &path).await?,
                None => commands::not_yours(),
            },
        ),
    })
}

/// The newest first. Only files that are shown are looked at one by one, for their expiry.
async fn list<S: Shelf>(state: &State<S>, owners: &[OwnerId], public_url: &str) -> Result<String, StoreError> {
    let mut files = files(state, owners).await?;
    files.sort_by_key(|(_, listed)| std::cmp::Reverse(listed.stored));
    let looked_at = try_join_all(files.iter().take(SHOWN).map(|(path, listed)| own_file(state, path, listed))).await?;
    let shown: Vec<OwnFile> = looked_at.iter().flatten().cloned().collect();
    let gone = looked_at.len() - shown.len();
    let unseen: u64 = files.iter().skip(SHOWN).map(|(_, listed)| listed.size).sum();
    let total = unseen + shown.iter().map(|file| file.size).sum::<u64>();
    Ok(commands::list(&shown, files.len() - gone, total, public_url))
}

/// `None` for a file that has expired, or has gone since it was listed.
async fn own_file<S: Shelf>(
    state: &State<S>,
    path: &UploadPath,
    listed: &Listed,
) -> Result<Option<OwnFile>, StoreError> {
    let Some(looked) = state.store.look(Key::of_upload(path).as_str()).await? else { return Ok(None) };
    let metadata = looked.metadata;
    let expired = metadata.expires.is_some_and(|at| at.is_reached(state.clock.now()));
    let (size, uploaded) = (listed.size, listed.stored);
    Ok((!expired).then(|| OwnFile { path: path.clone(), size, uploaded, expires: metadata.expires }))
}

/// All files whose slots this service gave to the owner, under each of the ids that the secrets make.
async fn files<S: Shelf>(state: &State<S>, owners: &[OwnerId]) -> Result<Vec<(UploadPath, Listed)>, StoreError> {
    let of_owner = |owner| Purpose::ALL.into_iter().map(move |purpose| StoredObject::owner_prefix(purpose, owner));
    let prefixes: Vec<String> = owners.iter().copied().flat_map(of_owner).collect();
    let listed = try_join_all(prefixes.iter().map(|prefix| all(state, prefix))).await?;
    let file = |listed: Listed| match StoredObject::parse(&listed.key)? {
        StoredObject::Upload(path) => Some((path, listed)),
        StoredObject::Incoming(_) => None,
    };
    Ok(listed.into_iter().flatten().filter_map(file).collect())
}

async fn delete_number<S: Shelf>(
    state: &State<S>,
    owners: &[OwnerId],
    number: FileNumber,
) -> Result<String, StoreError> {
    let mut files = files(state, owners).await?;
    files.retain(|(path, _)| FileNumber::of(path) == number);
    match files.as_slice() {
        [] => Ok(commands::not_yours()),
        [(path, _)] => delete(state, owners, path).await,
        _ => Ok(commands::ambiguous()),
    }
}

/// Deletes the owner's file, and what waits to become it, which would bring it back.
async fn delete<S: Shelf>(state: &State<S>, owners: &[OwnerId], path: &UploadPath) -> Result<String, StoreError> {
    let waiting = waiting(state, owners, path).await?;
    discard(state, &waiting).await?;
    let key = Key::of_upload(path);
    let owner = state.store.look(key.as_str()).await?.and_then(|looked| looked.metadata.owner);
    let own = owner.is_some_and(|owner| owners.contains(&owner));
    if own {
        discard(state, &[key]).await?;
    }
    Ok(if own || !waiting.is_empty() { commands::deleted(path) } else { commands::not_yours() })
}

async fn waiting<S: Shelf>(state: &State<S>, owners: &[OwnerId], path: &UploadPath) -> Result<Vec<Key>, StoreError> {
    let listed = all(state, &StoredObject::incoming_prefix(path)).await?;
    let own = |listed: Listed| match StoredObject::parse(&listed.key)? {
        StoredObject::Incoming(grant) if grant.path == *path && owners.contains(&grant.owner?) => {
            Key::of_grant(&grant).ok()
        }
        _ => None,
    };
    Ok(listed.into_iter().filter_map(own).collect())
}

/// All objects under a prefix, of 10,000 at the most.
async fn all<S: Shelf>(state: &State<S>, prefix: &str) -> Result<Vec<Listed>, StoreError> {
    let (mut listed, mut from) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = state.store.list(prefix, from).await?;
        listed.extend(page.entries);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    Ok(listed)
}

/// Deletes all of them, or says that it could not.
async fn discard<S: Shelf>(state: &State<S>, keys: &[Key]) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    let doomed: Vec<_> = keys.iter().map(|key| Doomed { key: key.as_str().to_owned(), etag: None }).collect();
    let failed = |fate| match fate {
        Fate::Failed(cause) => Some(StoreError { store: "the", operation: "deletion", cause, kind: Kind::Unavailable }),
        _ => None,
    };
    state.store.delete(&doomed).await?.into_iter().find_map(failed).map_or(Ok(()), Err)
}
