//! What heads say, by tables.

use http::{HeaderName, HeaderValue};

use super::*;
use crate::mac::MacProtocol;

fn raw(path: &str, headers: &[(&'static str, &str)], body_bytes: u64) -> RawHead {
    let header = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    RawHead { path: path.to_owned(), headers: headers.iter().map(header).collect(), body_bytes, ..RawHead::default() }
}

fn of_length(headers: &[(&'static str, &str)], body_bytes: u64) -> Result<Option<u64>, LengthError> {
    Head::read(&raw("/upload/a/b", headers, body_bytes), None).length
}

#[test]
fn the_length_is_the_bodys_or_what_is_announced_of_it() {
    const CONTENT: &str = "content-length";
    for (headers, body, length) in [
        (&[][..], 0, None),
        (&[], 5, Some(5)),
        (&[(CONTENT, "5")], 0, Some(5)),
        (&[(CONTENT, "5")], 5, Some(5)),
        (&[(UPLOAD_LENGTH, "5")], 0, Some(5)),
        (&[(UPLOAD_LENGTH, "5")], 5, Some(5)),
        (&[(CONTENT, "0"), (UPLOAD_LENGTH, "5")], 0, Some(5)),
        (&[(CONTENT, "5"), (UPLOAD_LENGTH, "5")], 0, Some(5)),
        (&[(CONTENT, "5"), ("transfer-encoding", "chunked")], 0, Some(5)),
        (&[(CONTENT, "18446744073709551615")], 0, Some(u64::MAX)),
    ] {
        assert_eq!(of_length(headers, body), Ok(length), "{headers:?} {body}");
    }
    let mismatch = |announced, actual| LengthError::Mismatch { announced, actual };
    for (headers, body, error) in [
        (&[("transfer-encoding", "chunked")][..], 0, LengthError::Missing),
        (&[("transfer-encoding", "chunked"), (UPLOAD_LENGTH, "5")], 0, LengthError::Missing),
        (&[(CONTENT, "5")], 4, mismatch(5, 4)),
        (&[(CONTENT, "5")], 6, mismatch(5, 6)),
        (&[(UPLOAD_LENGTH, "5")], 4, mismatch(5, 4)),
        (&[(CONTENT, "4"), (UPLOAD_LENGTH, "5")], 0, mismatch(5, 4)),
        (&[(CONTENT, "18446744073709551616")], 0, LengthError::Malformed(CONTENT)),
        (&[(CONTENT, "-1")], 0, LengthError::Malformed(CONTENT)),
        (&[(CONTENT, "")], 0, LengthError::Malformed(CONTENT)),
        (&[(UPLOAD_LENGTH, "5 ")], 0, LengthError::Malformed(UPLOAD_LENGTH)),
        (&[(UPLOAD_LENGTH, "\u{e9}")], 0, LengthError::Malformed(UPLOAD_LENGTH)),
    ] {
        assert_eq!(of_length(headers, body), Err(error), "{headers:?} {body}");
    }
}

#[test]
fn an_address_is_for_files_or_for_resumable_uploads() {
    for (path, resource, for_files, for_resumable) in [
        ("/upload/a/b", Resource::Upload, true, false),
        ("/authorize/upload/a/b", Resource::Authorize, true, false),
        ("/resume/a/b", Resource::Resume, false, true),
        ("/elsewhere/a/b", Resource::Upload, false, false),
    ] {
        let raw = raw(path, &[], 0);
        let head = Head::read(&raw, None);
        let found = (head.resource(), head.upload_paths().is_ok(), head.resume_paths().is_ok());
        assert_eq!(found, (resource, for_files, for_resumable), "{path}");
    }
    let malformed = raw("/upload/a/../b", &[], 0);
    assert!(matches!(Head::read(&malformed, None).upload_paths(), Err(RouteError::Path(_))));
}

#[test]
fn the_token_in_the_path_counts_where_there_is_no_other() {
    let token = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln";
    let mut raw = raw(&format!("/upload/a/{token}"), &[], 0);
    let head = Head::read(&raw, None);
    let (credential, paths) = head.credential_for(head.upload_paths().unwrap()).unwrap();
    assert_eq!((credential, paths[0].as_str()), (Credential::Jwt(token.into()), "a"));
    assert_eq!(head.protocol, Some("jwt"));
    raw.query = vec![("v2".into(), "0a".repeat(32)), ("v2".into(), "none".into())];
    let head = Head::read(&raw, None);
    let (credential, paths) = head.credential_for(head.upload_paths().unwrap()).unwrap();
    assert!(matches!(credential, Credential::Mac(MacProtocol::V2, _)), "the first value");
    assert_eq!(paths[0].as_str(), format!("a/{token}"));
    raw.query = vec![("v2".into(), "none".into())];
    let head = Head::read(&raw, None);
    let refused = head.credential_for(head.upload_paths().unwrap());
    assert_eq!(refused, Err(CredentialError::MalformedMac(MacProtocol::V2)));
}

#[test]
fn what_is_no_text_is_malformed_rather_than_absent() {
    let raw = raw("/upload/a/b", &[("content-type", "\u{e9}"), ("repr-digest", "\u{e9}")], 0);
    let head = Head::read(&raw, None);
    assert_eq!(head.content_type, Err(ContentTypeNotText));
    assert!(head.digest.is_err());
    assert_eq!((raw.header("content-type"), raw.text("content-type")), (None, Some("\u{fffd}")));
    assert_eq!((raw.header("x-other"), raw.text("x-other")), (None, None));
}

#[test]
fn an_address_is_what_somebody_else_says_or_else_the_client() {
    let https = [("host", "files.example"), ("x-forwarded-proto", "HTTPS")];
    for (headers, own, address) in [
        (&https[..], Some("https://api.example/prod/upload/a"), "https://api.example/prod/upload/a"),
        (&https, None, "https://files.example/upload/a"),
        (&https[..1], None, "http://files.example/upload/a"),
        (&[], None, "/upload/a"),
    ] {
        let raw = RawHead { own_address: own.map(str::to_owned), ..raw("/upload/a", headers, 0) };
        assert_eq!(raw.address(), address);
    }
}

#[test]
fn a_head_has_the_method_that_was_sent() {
    let raw = RawHead { method: Method::PATCH, ..RawHead::default() };
    assert_eq!(Head::read(&raw, None).method(), Method::PATCH);
}
