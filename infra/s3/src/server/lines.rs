//! The lines of a request's header: each header one line that everyone reads alike.
//!
//! s3s leaves a line that is not UTF-8 out of what it verifies, joins the lines of a header and takes any white space
//! for a space. What is done reads one line as it is. So signed metadata could be changed, and of a signed header that
//! is read only here the first line could be another's.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use s3s::dto::{Range, Timestamp, TimestampFormat};
use s3s::{S3Result, s3_error};

use super::signature::Signature;

/// Headers whose lines are a list, which may be joined by commas (RFC 9110, section 5.3). A signature covers the joined
/// values either way. SDKs send `aws-chunked` on a line of its own beside the caller's encoding.
const LISTS: [HeaderName; 5] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CACHE_CONTROL,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
];
/// Others that mean something here, beside all that begin as [`MEANT_BEGINNINGS`].
const MEANT: [HeaderName; 5] =
    [header::AUTHORIZATION, header::CACHE_CONTROL, header::EXPIRES, header::HOST, header::RANGE];
const MEANT_BEGINNINGS: [&str; 3] = ["x-amz-", "content-", "if-"];

/// Joins lists.
pub(super) fn join(headers: &mut HeaderMap) {
    for name in LISTS {
        let values: Vec<_> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        if values.len() > 1
            && let Ok(joined) = HeaderValue::from_bytes(&values.join(&b","[..]))
        {
            headers.insert(name, joined);
        }
    }
}

/// Refuses headers that mean something, here or to the signature, and are on several lines or written in more than
/// ASCII. User metadata may be UTF-8, but have no white space that is not ASCII.
pub(super) fn check(headers: &HeaderMap, signature: &Signature) -> S3Result<()> {
    let meant = |name: &&HeaderName| {
        MEANT.contains(name)
            || MEANT_BEGINNINGS.iter().any(|beginning| name.as_str().starts_with(beginning))
            || signature.covers(name.as_str())
    };
    for name in headers.keys().filter(meant) {
        let mut lines = headers.get_all(name).iter();
        let (first, None) = (lines.next(), lines.next()) else {
            return Err(s3_error!(InvalidArgument, "The header {name} is given twice"));
        };
        if !first.is_some_and(|value| is_readable(name.as_str(), value)) {
            return Err(s3_error!(InvalidArgument, "The header {name} has characters that it must not have"));
        }
    }
    Ok(())
}

fn is_readable(name: &str, value: &HeaderValue) -> bool {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) if name.starts_with("x-amz-meta-") => {
            !text.chars().any(|c| !c.is_ascii() && (c.is_whitespace() || c.is_control()))
        }
        Ok(text) => text.is_ascii(),
        Err(_) => false,
    }
}

/// Takes headers away that RFC 9110 and S3 ignore where they are malformed and s3s answers with 400: several ranges,
/// dates of other forms. A header that the signature covers must stay.
pub(super) fn drop_malformed(headers: &mut HeaderMap, signature: &Signature) {
    for name in ["range", "if-modified-since", "if-unmodified-since"] {
        let malformed = headers.get(name).is_some_and(|value| !value.to_str().is_ok_and(|text| is_valid(name, text)));
        if malformed && !signature.covers(name) {
            headers.remove(name);
        }
    }
}

fn is_valid(name: &str, value: &str) -> bool {
    match name {
        "range" => Range::parse(value).is_ok(),
        _ => Timestamp::parse(TimestampFormat::HttpDate, value).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn lists_on_several_lines_become_one() {
        let mut headers = headers(&[("content-encoding", b"gzip"), ("content-encoding", b"aws-chunked")]);
        join(&mut headers);
        let lines: Vec<_> = headers.get_all("content-encoding").iter().collect();
        assert_eq!(lines, ["gzip,aws-chunked"]);
    }

    #[test]
    fn headers_that_could_be_read_in_two_ways_are_refused() {
        let signature = Signature::Presigned(vec!["accept".to_owned()]);
        let ok = |lines: &[(&'static str, &[u8])]| {
            let mut headers = headers(lines);
            join(&mut headers);
            check(&headers, &signature).is_ok()
        };
        assert!(ok(&[("if-none-match", b"*"), ("if-none-match", b"\"x\""), ("cookie", b"a"), ("cookie", b"\xff")]));
        assert!(ok(&[("x-amz-meta-name", "gr\u{fc}\u{df}e \u{65e5}".as_bytes()), ("accept-language", b"\xff")]));
        let refused: [&[(&'static str, &[u8])]; 10] = [
            &[("if-none-match", b"\xff"), ("if-none-match", b"*")],
            &[("if-none-match", "*\u{2003}".as_bytes())],
            &[("content-type", b"a/b"), ("content-type", b"c/d")],
            &[("content-disposition", "attachment; filename=\u{fc}".as_bytes())],
            &[("x-amz-meta-a", b"1"), ("x-amz-meta-a", b"2")],
            &[("x-amz-meta-a", "1\u{a0}".as_bytes())],
            &[("x-amz-copy-source", b"\xff")],
            &[("authorization", b"\xff"), ("authorization", b"AWS a:b")],
            &[("host", b"a"), ("host", b"b")],
            &[("accept", b"a"), ("accept", b"b")],
        ];
        for lines in refused {
            assert!(!ok(lines), "{lines:?}");
        }
    }

    #[test]
    fn malformed_headers_are_dropped_unless_signed() {
        let range = |signed: &str, value: &str| {
            let mut headers = headers(&[("range", value.as_bytes())]);
            drop_malformed(&mut headers, &Signature::Presigned(vec![signed.to_owned()]));
            headers.contains_key("range")
        };
        assert!(range("host", "bytes=0-1"));
        assert!(!range("host", "bytes=0-1,3-4"));
        assert!(!range("host", "bytes=5-2"));
        assert!(range("range", "bytes=5-2"));
    }
}
