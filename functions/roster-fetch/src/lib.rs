//! `roster-fetch`: rosters below `/contacts/`, in the shape that Prosody's mod_http_roster_admin reads, and shared groups below
//! `/groups/`; both can be edited. `/raw/contacts/` is for that module alone, which encodes nothing.
//!
//! Knows addresses and conditions of requests; what a roster is, and how it is edited, is `satchel-rosters`'. Begin at [`handle`].

pub mod address;
mod config;
mod contacts;
mod edit;
mod error;
mod groups;
mod mutual;
mod one;
mod state;

use std::time::Duration;

use bytes::Bytes;
use http::{
    Method, StatusCode,
    header::{self, ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use satchel_core::{
    answer::{Answer, BASIC},
    cors,
    head::RawHead,
    precondition::{ETag, Preconditions},
};
use satchel_store::Documents;

use address::{Address, Resource};
use edit::Edit;

pub use config::RosterFetchConfig;
pub use error::RosterFetchError;
pub use state::State;

/// A client waits for its roster while this one does.
const FETCH_DEADLINE: Duration = Duration::from_secs(10);
/// API Gateway waits 29 s, and its 504 says less than our 503.
const EDIT_DEADLINE: Duration = Duration::from_secs(25);

const METHODS: &str = "OPTIONS, HEAD, GET, PUT, DELETE";

/// Answers one request.
pub async fn handle<D: Documents>(state: &State<D>, raw: RawHead, body: Bytes) -> Answer {
    let answered = match raw.method {
        Method::OPTIONS => Ok(Answer::preflight()),
        Method::GET | Method::HEAD => within(FETCH_DEADLINE, RosterFetchError::Hangs, fetch(state, &raw)).await,
        Method::PUT | Method::DELETE => {
            within(EDIT_DEADLINE, RosterFetchError::Unfinished, edit(state, &raw, &body)).await
        }
        _ => Ok(Answer::method_not_allowed(&raw.method, METHODS)),
    };
    let mut answer = answered.unwrap_or_else(|error| refused(&raw.method, &error));
    cors::allow_editing(answer.response.headers_mut());
    answer
}

async fn within<T>(
    deadline: Duration,
    late: RosterFetchError,
    work: impl Future<Output = Result<T, RosterFetchError>>,
) -> Result<T, RosterFetchError> {
    tokio::time::timeout(deadline, work).await.unwrap_or(Err(late))
}

fn refused(method: &Method, error: &RosterFetchError) -> Answer {
    let answer = Answer::refusal(method, error);
    match error {
        RosterFetchError::Unauthorized => answer.with(WWW_AUTHENTICATE, BASIC),
        RosterFetchError::Method(allow) => answer.with(ALLOW, allow),
        _ => answer,
    }
}

async fn fetch<D: Documents>(state: &State<D>, raw: &RawHead) -> Result<Answer, RosterFetchError> {
    let address = admitted(state, raw)?;
    let json = match address.resource {
        Resource::Contacts | Resource::RawContacts => contacts::fetch(state, &address).await?,
        Resource::Groups => groups::fetch(state, &address).await?,
    };
    let etag = ETag::of(&json);
    let answer = if conditions(raw).not_modified(&etag) {
        Answer::empty(StatusCode::NOT_MODIFIED, "not_modified")
    } else {
        let mut answer = Answer::empty(StatusCode::OK, "fetched").with(CONTENT_TYPE, "application/json");
        answer.note("size_bytes", json.len());
        if raw.method == Method::GET { answer.with_body(json) } else { answer }
    };
    Ok(answer.with(CACHE_CONTROL, "private, no-cache").with(header::ETAG, etag.as_str()))
}

async fn edit<D: Documents>(state: &State<D>, raw: &RawHead, body: &[u8]) -> Result<Answer, RosterFetchError> {
    let address = admitted(state, raw)?;
    let deletes = raw.method == Method::DELETE;
    let edit = Edit { deletes, conditions: conditions(raw), mutual: flag(raw, "mutual")?, body };
    let (created, etag) = match address.resource {
        Resource::RawContacts => return Err(RosterFetchError::Method("OPTIONS, HEAD, GET")),
        Resource::Contacts => contacts::edit(state, address.edited_roster()?, &edit).await?,
        Resource::Groups => groups::edit(state, address.edited_group()?, &edit).await?,
    };
    let answer = match (edit.deletes, created) {
        (true, _) => Answer::empty(StatusCode::NO_CONTENT, "removed"),
        (false, true) => Answer::empty(StatusCode::CREATED, "created"),
        (false, false) => Answer::empty(StatusCode::NO_CONTENT, "replaced"),
    };
    Ok(answer.with(header::ETAG, etag.as_str()))
}

/// Where the request leads, for those who may go there.
fn admitted<'a, D: Documents>(state: &State<D>, raw: &'a RawHead) -> Result<Address<'a>, RosterFetchError> {
    if !state.config.callers.admit_header(raw.header("authorization")) {
        return Err(RosterFetchError::Unauthorized);
    }
    let address = Address::of(&raw.path, state.config.public_path.as_deref(), raw.stage.as_deref());
    address.ok_or(RosterFetchError::NoSuchAddress)
}

fn conditions(raw: &RawHead) -> Preconditions {
    Preconditions::new(raw.header("if-match"), raw.header("if-none-match"))
}

fn flag(raw: &RawHead, name: &'static str) -> Result<bool, RosterFetchError> {
    match raw.parameter(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(RosterFetchError::Flag(name)),
    }
}
