//! `roster-fetch`: rosters below `/contacts/`, in the shape that Prosody's mod_http_roster_admin reads, and shared groups
//! below `/groups/`; both can be edited. `/raw/contacts/` is for that module alone, which encodes nothing.

pub mod address;
mod config;
mod contacts;
mod error;
mod groups;
mod mutual;
mod state;

use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use satchel_aws::{answer, event, log};
use satchel_core::{
    cors,
    precondition::{ETag, Preconditions},
};
use satchel_store::Documents;

use crate::address::{Address, Resource};

pub use config::RosterFetchConfig;
pub use error::RosterFetchError;
pub use state::State;

/// A client waits for its roster while this one does.
const FETCH_DEADLINE: Duration = Duration::from_secs(10);
/// API Gateway waits 29 s, and its 504 says less than our 503.
const EDIT_DEADLINE: Duration = Duration::from_secs(25);

const METHODS: &str = "OPTIONS, HEAD, GET, PUT, DELETE";

/// Answers one request.
pub async fn handle<D: Documents>(state: &State<D>, request: Request) -> Response<Body> {
    let method = request.method().clone();
    let mut response = match method {
        Method::OPTIONS => answer::preflight(),
        Method::GET | Method::HEAD => {
            answered(within(FETCH_DEADLINE, RosterFetchError::Hangs, fetch(state, &request)).await, &method)
        }
        Method::PUT | Method::DELETE => {
            answered(within(EDIT_DEADLINE, RosterFetchError::Unfinished, edit(state, request)).await, &method)
        }
        _ => answer::method_not_allowed(&method, METHODS),
    };
    cors::allow_editing(response.headers_mut());
    response
}

async fn within<T>(
    deadline: Duration,
    late: RosterFetchError,
    work: impl Future<Output = Result<T, RosterFetchError>>,
) -> Result<T, RosterFetchError> {
    tokio::time::timeout(deadline, work).await.unwrap_or(Err(late))
}

fn answered(outcome: Result<Response<Body>, RosterFetchError>, method: &Method) -> Response<Body> {
    outcome.unwrap_or_else(|error| error.answer(method))
}

async fn fetch<D: Documents>(state: &State<D>, request: &Request) -> Result<Response<Body>, RosterFetchError> {
    let address = admitted(state, request)?;
    let json = match address.resource {
        Resource::Contacts | Resource::RawContacts => contacts::fetch(state, &address).await?,
        Resource::Groups => groups::fetch(state, &address).await?,
    };
    let etag = ETag::of(&json);
    let mut response = if conditions(request).not_modified(&etag) {
        answer::empty(StatusCode::NOT_MODIFIED, "not_modified")
    } else {
        let mut response = answer::empty(StatusCode::OK, "fetched");
        log::note(&mut response, "size_bytes", json.len());
        answer::set(&mut response, header::CONTENT_TYPE, "application/json");
        if request.method() == Method::GET {
            *response.body_mut() = Body::Text(json);
        }
        response
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    answer::set(&mut response, header::ETAG, etag.as_str());
    Ok(response)
}

async fn edit<D: Documents>(state: &State<D>, request: Request) -> Result<Response<Body>, RosterFetchError> {
    let address = admitted(state, &request)?;
    let edit = Edit {
        deletes: request.method() == Method::DELETE,
        conditions: conditions(&request),
        mutual: flag(&request, "mutual")?,
        body: request.body(),
    };
    let (created, etag) = match address.resource {
        Resource::RawContacts => return Err(RosterFetchError::Method("OPTIONS, HEAD, GET")),
        Resource::Contacts => contacts::edit(state, address.edited_roster()?, &edit).await?,
        Resource::Groups => groups::edit(state, address.edited_group()?, &edit).await?,
    };
    let mut response = match (edit.deletes, created) {
        (true, _) => answer::empty(StatusCode::NO_CONTENT, "removed"),
        (false, true) => answer::empty(StatusCode::CREATED, "created"),
        (false, false) => answer::empty(StatusCode::NO_CONTENT, "replaced"),
    };
    answer::set(&mut response, header::ETAG, etag.as_str());
    Ok(response)
}

/// What a request wants changed.
struct Edit<'a> {
    deletes: bool,
    conditions: Preconditions,
    mutual: bool,
    body: &'a [u8],
}

/// Where the request leads, for those who may go there.
fn admitted<'a, D: Documents>(state: &State<D>, request: &'a Request) -> Result<Address<'a>, RosterFetchError> {
    if !state.config.callers.admit_header(event::header(request, "authorization")) {
        return Err(RosterFetchError::Unauthorized);
    }
    let public_path = state.config.public_path.as_deref();
    let address = Address::of(request.raw_http_path(), public_path, event::stage(request));
    address.ok_or(RosterFetchError::NoSuchAddress)
}

fn conditions(request: &Request) -> Preconditions {
    Preconditions::new(event::header(request, "if-match"), event::header(request, "if-none-match"))
}

fn flag(request: &Request, name: &'static str) -> Result<bool, RosterFetchError> {
    match event::parameter(request, name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(RosterFetchError::Flag(name)),
    }
}
