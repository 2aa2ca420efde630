//! What a request that reaches no function has tried, for the log: its function would have said so.

use std::borrow::Cow;

use http::{Method, request::Parts};
use satchel_core::{credential::Credential, outcome::Outcome};
use satchel_resume::request;
use url::form_urlencoded;

use super::body;

type Query<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Adds the protocol of a PUT's token and the announced size; nothing to other requests.
pub fn note_upload(outcome: &mut Outcome, parts: &Parts) {
    if parts.method != Method::PUT {
        return;
    }
    let query = query(parts);
    let protocol = Credential::tried(header(parts, "authorization"), |name| of(&query, name), parts.uri.path());
    outcome.note_attempt(protocol, body::announced_length(&parts.headers).ok().flatten());
}

/// The same of the tus protocol: what a chunk shows, and its announced size.
pub fn note_chunk(outcome: &mut Outcome, parts: &Parts) {
    let query = query(parts);
    let (header, parameter) = (|name: &str| header(parts, name), |name: &str| of(&query, name));
    let named = request::method(&parts.method, header).unwrap_or_default();
    let protocol = request::protocol_tried(&named, header, parameter, parts.uri.path());
    let size = header("upload-length").and_then(|length| length.parse().ok()).filter(|_| named == Method::POST);
    outcome.note_attempt(protocol, size);
    if let Ok(Some(bytes)) = body::announced_length(&parts.headers) {
        outcome.note("chunk_bytes", bytes);
    }
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

fn query(parts: &Parts) -> Query<'_> {
    form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).collect()
}

fn of<'a>(query: &'a Query<'_>, name: &str) -> Option<&'a str> {
    query.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
}
