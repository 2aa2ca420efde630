//! `component`: stanzas as Prosody's mod_component_http posts them to `/component`, and slot requests of ejabberd's
//! mod_http_upload, which asks `/slot`. A slot carries a presigned S3 URL; without quotas nothing is looked up for it.

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
use entry::Entry;
use http::StatusCode;
use lambda_http::{Body, Request, RequestExt, Response};
use quota::QuotaError;
use satchel_aws::{
    answer,
    clock::fresh_upload_id,
    event, log,
    presign::{PresignedUrl, Validity},
};
use satchel_core::{grant::PUT_URL_LIFE, purpose::Purpose};
use satchel_telemetry::line::{CAUSE, REASON};

use crate::{
    decision::{Decision, Envelope},
    reply::Reply,
    slot::{
        Attempt, Chance, GrantedSlot, PutAddress, RefusedSlot, Service, Slot, SlotRefusal, SlotRequest,
        front::{self, PutTarget},
    },
};

pub use config::ComponentConfig;
pub use error::ComponentError;
pub use state::{Shelf, State};

/// Answers one request.
pub async fn handle<S: Shelf>(state: &State<S>, request: Request) -> Response<Body> {
    let method = request.method().clone();
    let entry = Entry::of(request.raw_http_path());
    if let Some(entry) = entry.as_ref().filter(|entry| method.as_str() != entry.method()) {
        return answer::method_not_allowed(&method, entry.method());
    }
    let answered = match &entry {
        Some(Entry::Component) => stanza(state, request).await,
        Some(Entry::Slot(secret)) => two_lines(state, &request, secret.as_deref()).await,
        None => Err(ComponentError::NotFound),
    };
    answered.unwrap_or_else(|error| {
        let mut response = error.answer(&method);
        log::note_attempt(&mut response, entry.as_ref().map(Entry::protocol), None);
        response
    })
}

async fn stanza<S: Shelf>(state: &State<S>, request: Request) -> Result<Response<Body>, ComponentError> {
    let callers = state.config.callers.as_ref().ok_or(ComponentError::NotFound)?;
    if !callers.admit_header(event::header(&request, "authorization")) {
        return Err(ComponentError::Unauthorized);
    }
    let public_url = state.public_url(&request)?;
    let envelope = Envelope::parse(&event::into_bytes(request.into_body()))?;
    match decision::decide(&envelope, &state.config.policy, state.clock.now(), &chance()?)? {
        Decision::Silence => Ok(answer::empty(StatusCode::NO_CONTENT, "no_reply")),
        Decision::Reply(reply) => Ok(posted(&reply)),
        Decision::Grant(granted) => grant(state, &granted, &public_url).await,
        Decision::Refuse(refused) => Ok(refuse(&refused)),
        Decision::Chat(chat) => Ok(chat::answer(state, &chat, &public_url).await),
    }
}

async fn grant<S: Shelf>(
    state: &State<S>,
    granted: &GrantedSlot,
    public_url: &str,
) -> Result<Response<Body>, ComponentError> {
    let slot = &granted.slot;
    let put = match put_address(state, granted, public_url).await? {
        Ok(put) => put,
        Err(refusal) => return Ok(said(&granted.refusal(&refusal), REASON, refusal.to_string())),
    };
    let mut response = match quota::reserve(state, slot).await {
        Ok(()) => posted(&granted.reply(&put, &slot.get_url(public_url))),
        Err(QuotaError::Reached(reached)) => {
            let refusal = SlotRefusal::from(reached);
            said(&granted.refusal(&refusal), REASON, refusal.to_string())
        }
        Err(cause) => said(&granted.unavailable(), CAUSE, cause.to_string()),
    };
    note_slot(&mut response, Entry::Component.protocol(), attempt(slot));
    Ok(response)
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
fn refuse(refused: &RefusedSlot) -> Response<Body> {
    let mut response = said(&refused.reply, REASON, refused.refusal.to_string());
    note_slot(&mut response, Entry::Component.protocol(), refused.attempt);
    response
}

/// A stanza of an error, and in words what it is about.
fn said(reply: &Reply, field: &'static str, words: String) -> Response<Body> {
    let mut response = posted(reply);
    log::note(&mut response, field, words);
    response
}

fn posted(reply: &Reply) -> Response<Body> {
    let body = serde_json::json!({ "stanza": reply.stanza }).to_string();
    ok(reply.code, JSON, body)
}

/// ejabberd reads exactly two lines: where to PUT, and where to GET.
async fn two_lines<S: Shelf>(
    state: &State<S>,
    request: &Request,
    secret: Option<&str>,
) -> Result<Response<Body>, ComponentError> {
    let callers = state.config.slot_callers.as_ref().ok_or(ComponentError::NotFound)?;
    let by_segment = secret.is_some_and(|secret| callers.admit_segment(secret));
    if !by_segment && !callers.admit_header(event::header(request, "authorization")) {
        return Err(ComponentError::Unauthorized);
    }
    let [from, size] = ["jid", "size"].map(|name| event::parameter(request, name));
    let asked = Attempt::of(from.unwrap_or_default(), size, &state.config.policy);
    let mut response = urls(state, request).await.unwrap_or_else(|error| error.answer(request.method()));
    note_slot(&mut response, Entry::Slot(None).protocol(), asked);
    Ok(response)
}

async fn urls<S: Shelf>(state: &State<S>, request: &Request) -> Result<Response<Body>, ComponentError> {
    let from = event::parameter(request, "jid").unwrap_or_default();
    let file_name = event::parameter(request, "name").map(|name| state.config.slot_put.file_name(name));
    let slot_request = SlotRequest {
        from,
        service: Service::CheckedByServer,
        file_name: file_name.as_deref(),
        size: event::parameter(request, "size"),
        content_type: event::parameter(request, "content_type"),
        purpose: Purpose::Message,
        expire_before: None,
    };
    let slot = slot::decide(&slot_request, &state.config.policy, state.clock.now(), &chance()?)?;
    let lines = put_and_get(state, &slot, from, &state.public_url(request)?).await?;
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

fn note_slot(response: &mut Response<Body>, protocol: &'static str, asked: Attempt) {
    log::note_attempt(response, Some(protocol), asked.size);
    log::note_owner(response, asked.owner);
}

/// Signs the PUT: only its host and length, as clients send types of their own.
async fn put_url<S>(state: &State<S>, slot: &Slot) -> Result<PresignedUrl, ComponentError> {
    let validity = Validity { from: state.clock.now(), seconds: PUT_URL_LIFE };
    Ok(state.presigner.put(slot.key.as_str(), slot.grant.size, None, validity).await?)
}

fn chance() -> Result<Chance, getrandom::Error> {
    let mut slot = [0; 18];
    getrandom::fill(&mut slot)?;
    Ok(Chance { slot, upload: fresh_upload_id()? })
}

#[cfg(test)]
mod tests;
