//! `component`: stanzas as Prosody's mod_component_http posts them to `/component`, and slot requests of ejabberd's
//! mod_http_upload, which asks `/slot`. A slot carries a presigned S3 URL; without quotas nothing is looked up for it.
//!
//! Knows stanzas (`stanza`), slots (`slot`), the quota's `ledger` and the chat bot (`chat`), and nothing of other functions. Begin at
//! [`handle`]; `decision` is what is decided about a stanza before anything is signed or looked up.

mod answers;
mod chat;
mod config;
mod decision;
mod entry;
mod error;
mod ledger;
mod quota;
mod reply;
mod slot;
mod stanza;
mod state;

use answers::{JSON, PLAIN_TEXT, ok};
use bytes::Bytes;
use entry::Entry;
use http::{StatusCode, header::WWW_AUTHENTICATE};
use quota::QuotaError;
use satchel_aws::presign::{PresignedUrl, Validity};
use satchel_core::{
    answer::{Answer, BASIC},
    grant::PUT_URL_LIFE,
    head::RawHead,
    outcome::{CAUSE, REASON},
    purpose::Purpose,
};

use crate::{
    decision::{Decision, Envelope},
    reply::Reply,
    slot::{
        Attempt, GrantedSlot, PutAddress, RefusedSlot, Service, Slot, SlotRefusal, SlotRequest,
        front::{self, PutTarget},
    },
};

pub use config::ComponentConfig;
pub use error::ComponentError;
pub use state::{Shelf, State};

/// Answers one request.
pub async fn handle<S: Shelf>(state: &State<S>, raw: RawHead, body: Bytes) -> Answer {
    let entry = Entry::of(&raw.path);
    if let Some(entry) = entry.as_ref().filter(|entry| raw.method.as_str() != entry.method()) {
        return Answer::method_not_allowed(&raw.method, entry.method());
    }
    let answered = match &entry {
        Some(Entry::Component) => stanza(state, &raw, &body).await,
        Some(Entry::Slot(secret)) => two_lines(state, &raw, secret.as_deref()).await,
        None => Err(ComponentError::NotFound),
    };
    answered.unwrap_or_else(|error| {
        let mut answer = refused(&raw, &error);
        answer.outcome.note_attempt(entry.as_ref().map(Entry::protocol), None);
        answer
    })
}

/// The answer to what is no stanza's to say. Callers are asked for a name and a password.
fn refused(raw: &RawHead, error: &ComponentError) -> Answer {
    let answer = Answer::refusal(&raw.method, error);
    if matches!(error, ComponentError::Unauthorized) { answer.with(WWW_AUTHENTICATE, BASIC) } else { answer }
}

async fn stanza<S: Shelf>(state: &State<S>, raw: &RawHead, body: &[u8]) -> Result<Answer, ComponentError> {
    let callers = state.config.callers.as_ref().ok_or(ComponentError::NotFound)?;
    if !callers.admit_header(raw.header("authorization")) {
        return Err(ComponentError::Unauthorized);
    }
    let public_url = state.public_url(raw).ok_or(ComponentError::NoPublicUrl)?;
    let envelope = Envelope::parse(body)?;
    match decision::decide(&envelope, &state.config.policy, &state.clock.moment()?)? {
        Decision::Silence => Ok(Answer::empty(StatusCode::NO_CONTENT, "no_reply")),
        Decision::Reply(reply) => Ok(posted(&reply)),
        Decision::Grant(granted) => grant(state, &granted, &public_url).await,
        Decision::Refuse(refused) => Ok(refuse(&refused)),
        Decision::Chat(chat) => Ok(chat::answer(state, &chat, &public_url).await),
    }
}

async fn grant<S: Shelf>(state: &State<S>, granted: &GrantedSlot, public_url: &str) -> Result<Answer, ComponentError> {
    let slot = &granted.slot;
    let put = match put_address(state, granted, public_url).await? {
        Ok(put) => put,
        Err(refusal) => return Ok(said(&granted.refusal(&refusal), REASON, refusal.to_string())),
    };
    let mut answer = match quota::reserve(state, slot).await {
        Ok(()) => posted(&granted.reply(&put, &slot.get_url(public_url))),
        Err(QuotaError::Reached(reached)) => {
            let refusal = SlotRefusal::from(reached);
            said(&granted.refusal(&refusal), REASON, refusal.to_string())
        }
        Err(cause) => said(&granted.unavailable(), CAUSE, cause.to_string()),
    };
    note_slot(&mut answer, Entry::Component.protocol(), attempt(slot));
    Ok(answer)
}

async fn put_address<S>(
    state: &State<S>,
    granted: &GrantedSlot,
    public_url: &str,
) -> Result<Result<PutAddress, SlotRefusal>, ComponentError> {
    match &state.config.slot_put {
        PutTarget::S3 => {
            let url = put_url(state, &granted.slot).await?.as_str().to_owned();
            Ok(Ok(PutAddress { url, bearer: None }))
        }
        PutTarget::Front(secret) => Ok(granted.at_front(public_url, secret, state.clock.now())),
    }
}

/// Prosody must get 200, or it would make an error of its own of this one.
fn refuse(refused: &RefusedSlot) -> Answer {
    let mut answer = said(&refused.reply, REASON, refused.refusal.to_string());
    note_slot(&mut answer, Entry::Component.protocol(), refused.attempt);
    answer
}

/// A stanza of an error, and in words what it is about.
fn said(reply: &Reply, field: &'static str, words: String) -> Answer {
    let mut answer = posted(reply);
    answer.note(field, words);
    answer
}

fn posted(reply: &Reply) -> Answer {
    let body = serde_json::json!({ "stanza": reply.stanza }).to_string();
    ok(reply.code, JSON, body)
}

/// ejabberd reads exactly two lines: where to PUT, and where to GET.
async fn two_lines<S: Shelf>(state: &State<S>, raw: &RawHead, secret: Option<&str>) -> Result<Answer, ComponentError> {
    let callers = state.config.slot_callers.as_ref().ok_or(ComponentError::NotFound)?;
    let by_segment = secret.is_some_and(|secret| callers.admit_segment(secret));
    if !by_segment && !callers.admit_header(raw.header("authorization")) {
        return Err(ComponentError::Unauthorized);
    }
    let [from, size] = ["jid", "size"].map(|name| raw.parameter(name));
    let asked = Attempt::of(from.unwrap_or_default(), size, &state.config.policy);
    let mut answer = urls(state, raw).await.unwrap_or_else(|error| refused(raw, &error));
    note_slot(&mut answer, Entry::Slot(None).protocol(), asked);
    Ok(answer)
}

async fn urls<S: Shelf>(state: &State<S>, raw: &RawHead) -> Result<Answer, ComponentError> {
    let from = raw.parameter("jid").unwrap_or_default();
    let file_name = raw.parameter("name").map(|name| state.config.slot_put.file_name(name));
    let slot_request = SlotRequest {
        from,
        service: Service::CheckedByServer,
        file_name: file_name.as_deref(),
        size: raw.parameter("size"),
        content_type: raw.parameter("content_type"),
        purpose: Purpose::Message,
        expire_before: None,
    };
    let slot = slot::decide(&slot_request, &state.config.policy, &state.clock.moment()?)?;
    let lines = put_and_get(state, &slot, from, &state.public_url(raw).ok_or(ComponentError::NoPublicUrl)?).await?;
    quota::reserve(state, &slot).await?;
    Ok(ok("slot_granted", PLAIN_TEXT, lines.join("\n")))
}

async fn put_and_get<S>(
    state: &State<S>,
    slot: &Slot,
    from: &str,
    public_url: &str,
) -> Result<[String; 2], ComponentError> {
    match &state.config.slot_put {
        PutTarget::S3 => Ok([put_url(state, slot).await?.as_str().to_owned(), slot.get_url(public_url)]),
        PutTarget::Front(secret) => Ok(front::urls(slot, from, public_url, secret, state.clock.now())?),
    }
}

fn attempt(slot: &Slot) -> Attempt {
    Attempt { owner: slot.grant.owner, size: Some(slot.grant.size) }
}

fn note_slot(answer: &mut Answer, protocol: &'static str, asked: Attempt) {
    answer.outcome.note_attempt(Some(protocol), asked.size);
    answer.outcome.note_owner(asked.owner);
}

/// Signs the PUT: only its host and length, as clients send types of their own.
async fn put_url<S>(state: &State<S>, slot: &Slot) -> Result<PresignedUrl, ComponentError> {
    let validity = Validity { from: state.clock.now(), seconds: PUT_URL_LIFE };
    Ok(state.presigner.put(slot.key.as_str(), slot.grant.size, None, validity).await?)
}

#[cfg(test)]
mod tests;
