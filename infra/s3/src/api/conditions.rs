//! `If-*` headers, read from the raw request: s3s takes a single ETag where RFC 9110 allows a list.

use http::HeaderMap;
use http::header::{CACHE_CONTROL, EXPIRES};
use s3s::dto::{Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use satchel_folder::{ObjectHead, Refusal, WriteCondition};

use crate::api::error::refused;
use crate::api::headers::timestamp;

/// The conditions on the object a write creates or replaces. S3 knows `*` for `If-None-Match` here and no more.
pub(crate) fn on_write(headers: &HeaderMap) -> S3Result<WriteCondition> {
    let absent = match text(headers, "if-none-match") {
        None => false,
        Some("*") => true,
        Some(_) => return Err(s3_error!(NotImplemented, "If-None-Match takes only * here")),
    };
    Ok(WriteCondition { absent, matches: text(headers, "if-match").map(strong) })
}

/// The names of the four headers that ask about an object to be read.
pub(crate) struct ReadHeaders {
    matches: &'static str,
    none_match: &'static str,
    modified_since: &'static str,
    unmodified_since: &'static str,
    /// Whether "not modified" is 304 (on reading) or 412 (on copying).
    not_modified: bool,
}

/// Those of GET and HEAD.
pub(crate) const READ: ReadHeaders = ReadHeaders {
    matches: "if-match",
    none_match: "if-none-match",
    modified_since: "if-modified-since",
    unmodified_since: "if-unmodified-since",
    not_modified: true,
};

/// Those of the copies, about their source.
pub(crate) const COPY_SOURCE: ReadHeaders = ReadHeaders {
    matches: "x-amz-copy-source-if-match",
    none_match: "x-amz-copy-source-if-none-match",
    modified_since: "x-amz-copy-source-if-modified-since",
    unmodified_since: "x-amz-copy-source-if-unmodified-since",
    not_modified: false,
};

/// Whether `head` may be read: the order is RFC 9110, section 13.2.2. `answer` is what a 200 would say about it.
pub(crate) fn on_read(headers: &HeaderMap, names: &ReadHeaders, head: &ObjectHead, answer: &HeaderMap) -> S3Result<()> {
    match text(headers, names.matches) {
        Some(tags) if !matches_any(tags, head, strong) => return Err(failed("If-Match")),
        Some(_) => {}
        None if date(headers, names.unmodified_since).is_some_and(|since| seconds(head) > since) => {
            return Err(failed("If-Unmodified-Since"));
        }
        None => {}
    }
    let unchanged = match text(headers, names.none_match) {
        Some(tags) => matches_any(tags, head, weak),
        None => date(headers, names.modified_since).is_some_and(|since| seconds(head) <= since),
    };
    match unchanged {
        false => Ok(()),
        true if names.not_modified => Err(not_modified(head, answer)),
        true => Err(failed("x-amz-copy-source-if-none-match")),
    }
}

fn failed(condition: &'static str) -> S3Error {
    refused(&Refusal::PreconditionFailed { condition })
}

/// RFC 9110, section 15.4.5: the headers a 200 would have had. A cache refreshes its entry from them.
fn not_modified(head: &ObjectHead, answer: &HeaderMap) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let mut headers = HeaderMap::new();
    let last_modified = {
        let mut text = Vec::new();
        timestamp(head.modified).format(TimestampFormat::HttpDate, &mut text).map(|()| text).ok()
    };
    let values = [("etag", Some(format!("\"{}\"", head.etag).into_bytes())), ("last-modified", last_modified)];
    for (name, value) in values {
        if let Some(value) = value.and_then(|value| http::HeaderValue::from_bytes(&value).ok()) {
            headers.insert(name, value);
        }
    }
    for name in [CACHE_CONTROL, EXPIRES] {
        if let Some(value) = answer.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    error.set_headers(headers);
    error
}

/// Whole seconds, as HTTP's dates have no more.
fn seconds(head: &ObjectHead) -> Timestamp {
    timestamp(head.modified / 1000 * 1000)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}

fn date(headers: &HeaderMap, name: &str) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, text(headers, name)?).ok()
}

fn matches_any(tags: &str, head: &ObjectHead, read: fn(&str) -> String) -> bool {
    let own = &head.etag;
    tags.split(',').map(read).any(|tag| tag == "*" || tag == *own)
}

/// For `If-Match`: the tag without quotes, or `*`. One with `W/` stays as it is and is no object's (RFC 9110, section
/// 13.1.1), and neither is a star in quotes.
pub(crate) fn strong(tag: &str) -> String {
    let tag = tag.trim();
    let bare = tag.trim_matches('"');
    if bare == "*" { tag.to_owned() } else { bare.to_owned() }
}

/// For `If-None-Match`: without `W/`, too, as a proxy that compressed the body sends it back (section 13.1.2).
fn weak(tag: &str) -> String {
    let tag = tag.trim();
    strong(tag.strip_prefix("W/").unwrap_or(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use satchel_folder::Headers;

    type Pairs<'p> = &'p [(&'static str, &'p str)];

    const TAG: &str = "\"01010101010101010101010101010101\"";
    const BEFORE: &str = "Tue, 14 Nov 2023 22:13:19 GMT";
    const AT: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

    fn head() -> ObjectHead {
        ObjectHead {
            size: 1,
            etag: "01".repeat(16),
            sha256: None,
            modified: 1_700_000_000_999,
            checksum: None,
            upload: None,
            headers: Headers::default(),
        }
    }

    #[test]
    fn reading_follows_the_rfcs_order() {
        let list = format!("\"x\", W/{TAG}");
        let weak = format!("W/{TAG}");
        let cases: [(&str, Pairs<'_>, u16); 16] = [
            ("nothing asked", &[], 200),
            ("same tag", &[("if-match", TAG)], 200),
            ("other tag", &[("if-match", "\"x\"")], 412),
            ("any tag", &[("if-match", "*")], 200),
            ("tag in a list", &[("if-match", &format!("\"x\", {TAG}"))], 200),
            ("weak tag", &[("if-match", &weak)], 412),
            ("weak tag in a list", &[("if-match", &list)], 412),
            ("a star in quotes", &[("if-match", "\"*\"")], 412),
            ("none match, same", &[("if-none-match", TAG)], 304),
            ("none match, in a list", &[("if-none-match", &list)], 304),
            ("none match, other", &[("if-none-match", "\"x\"")], 200),
            ("modified since the second before", &[("if-modified-since", BEFORE)], 200),
            ("modified since that second", &[("if-modified-since", AT)], 304),
            ("unmodified since that second", &[("if-unmodified-since", AT)], 200),
            ("unmodified since the second before", &[("if-unmodified-since", BEFORE)], 412),
            ("a tag outweighs a date", &[("if-none-match", "\"x\""), ("if-modified-since", AT)], 200),
        ];
        for (case, pairs, status) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            let result = on_read(&headers, &READ, &head(), &HeaderMap::new());
            let got = result.err().and_then(|error| error.status_code()).map_or(200, |code| code.as_u16());
            assert_eq!(got, status, "{case}");
        }
    }
}
