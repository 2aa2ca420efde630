//! The chat bot's effects: looking up and deleting the sender's own files. What it says is decided in the core.

use futures_util::future::try_join_all;
use lambda_http::{Body, Response};
use satchel_aws::{
    lean_s3::{LeanS3Error, Listed},
    log,
};
use satchel_core::{
    component::chat::{self, Chat, Command, FileNumber, OwnFile, SHOWN},
    grant::OwnerId,
    object_key::{Key, StoredObject},
    purpose::Purpose,
    upload_path::UploadPath,
};
use serde_json::json;

use crate::{JSON, State, ok, quota};

/// Answers a message.
pub(crate) async fn answer(state: &State, chat: &Chat, public_url: &str) -> Response<Body> {
    let replied = reply(state, chat, public_url).await;
    let (code, text) = replied.as_ref().map_or_else(|_| ("storage_unavailable", chat::unavailable()), Clone::clone);
    let body = json!({ "kind": "message", "type": chat.kind.as_str(), "body": text }).to_string();
    let mut response = ok(code, JSON, body);
    if let Err(cause) = replied {
        log::note(&mut response, "cause", cause.to_string());
    }
    response
}

async fn reply(state: &State, chat: &Chat, public_url: &str) -> Result<(&'static str, String), LeanS3Error> {
    let policy = &state.config.policy;
    Ok(match &chat.command {
        Command::Help => ("chat_help", chat::help(policy)),
        Command::Unknown => ("chat_unknown", chat::unknown()),
        Command::Quota => {
            let spent = match chat.owners.first() {
                Some(owner) => quota::spent(state, *owner).await?,
                None => 0,
            };
            ("chat_quota", chat::quota(policy, spent, state.clock.now()))
        }
        Command::List => ("chat_list", list(state, &chat.owners, public_url).await?),
        Command::DeleteNumber(number) => ("chat_delete", delete_number(state, &chat.owners, *number).await?),
        Command::DeleteUrl(url) => (
            "chat_delete",
            match chat::path_of(url, public_url) {
                Some(path) => delete(state, &chat.owners, &path).await?,
                None => chat::not_yours(),
            },
        ),
    })
}

/// The newest first. Only files that are shown are looked at one by one, for their expiry.
async fn list(state: &State, owners: &[OwnerId], public_url: &str) -> Result<String, LeanS3Error> {
    let mut files = files(state, owners).await?;
    files.sort_by_key(|(_, listed)| std::cmp::Reverse(listed.modified));
    let looked_at = try_join_all(files.iter().take(SHOWN).map(|(path, listed)| own_file(state, path, listed))).await?;
    let shown: Vec<OwnFile> = looked_at.iter().flatten().cloned().collect();
    let gone = looked_at.len() - shown.len();
    let unseen: u64 = files.iter().skip(SHOWN).map(|(_, listed)| listed.size).sum();
    let total = unseen + shown.iter().map(|file| file.size).sum::<u64>();
    Ok(chat::list(&shown, files.len() - gone, total, public_url))
}

/// `None` for a file that has expired, or has gone since it was listed.
async fn own_file(state: &State, path: &UploadPath, listed: &Listed) -> Result<Option<OwnFile>, LeanS3Error> {
    let Some(metadata) = state.s3.metadata(&Key::of_upload(path)).await? else { return Ok(None) };
    let expired = metadata.expires.is_some_and(|at| at.is_reached(state.clock.now()));
    let (size, uploaded) = (listed.size, listed.modified);
    Ok((!expired).then(|| OwnFile { path: path.clone(), size, uploaded, expires: metadata.expires }))
}

/// All files whose slots this service gave to the owner, under each of the ids that the secrets make.
async fn files(state: &State, owners: &[OwnerId]) -> Result<Vec<(UploadPath, Listed)>, LeanS3Error> {
    let of_owner = |owner| Purpose::ALL.into_iter().map(move |purpose| StoredObject::owner_prefix(purpose, owner));
    let prefixes: Vec<String> = owners.iter().copied().flat_map(of_owner).collect();
    let listed = try_join_all(prefixes.iter().map(|prefix| state.s3.list(prefix))).await?;
    let file = |listed: Listed| match StoredObject::parse(&listed.key)? {
        StoredObject::Upload(path) => Some((path, listed)),
        StoredObject::Incoming(_) => None,
    };
    Ok(listed.into_iter().flatten().filter_map(file).collect())
}

async fn delete_number(state: &State, owners: &[OwnerId], number: FileNumber) -> Result<String, LeanS3Error> {
    let mut files = files(state, owners).await?;
    files.retain(|(path, _)| FileNumber::of(path) == number);
    match files.as_slice() {
        [] => Ok(chat::not_yours()),
        [(path, _)] => delete(state, owners, path).await,
        _ => Ok(chat::ambiguous()),
    }
}

/// Deletes the owner's file, and what waits to become it, which would bring it back.
async fn delete(state: &State, owners: &[OwnerId], path: &UploadPath) -> Result<String, LeanS3Error> {
    let waiting = waiting(state, owners, path).await?;
    try_join_all(waiting.iter().map(|key| state.s3.delete(key))).await?;
    let key = Key::of_upload(path);
    let owner = state.s3.metadata(&key).await?.and_then(|metadata| metadata.owner);
    let own = owner.is_some_and(|owner| owners.contains(&owner));
    if own {
        state.s3.delete(&key).await?;
    }
    Ok(if own || !waiting.is_empty() { chat::deleted(path) } else { chat::not_yours() })
}

async fn waiting(state: &State, owners: &[OwnerId], path: &UploadPath) -> Result<Vec<Key>, LeanS3Error> {
    let listed = state.s3.list(&StoredObject::incoming_prefix(path)).await?;
    let own = |listed: Listed| match StoredObject::parse(&listed.key)? {
        StoredObject::Incoming(grant) if grant.path == *path && owners.contains(&grant.owner?) => {
            Key::of_grant(&grant).ok()
        }
        _ => None,
    };
    Ok(listed.into_iter().filter_map(own).collect())
}
