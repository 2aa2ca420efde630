//! The decision at its boundaries; on the published vectors, and with purposes, in files of their own.

mod purposes;
mod vectors;

use hmac::Mac;

use super::*;
use crate::secret::Secret;

const NOW: Timestamp = Timestamp::from_seconds(1_612_113_200);

fn policy(secret: &str) -> PutPolicy {
    PutPolicy { secrets: Secrets::parse(secret).unwrap(), max_size: 1 << 40, retention: None }
}

fn id() -> UploadId {
    UploadId::from_random([0; 9])
}

fn paths(raw: &str) -> Vec<UploadPath> {
    vec![UploadPath::parse_encoded(raw).unwrap()]
}

fn credential(parameter: &str, value: &str) -> Result<Credential, CredentialError> {
    Credential::select(None, |name| (name == parameter).then_some(value))
}

#[test]
fn a_token_names_an_account_however_it_is_spelled() {
    let secrets = Secrets::parse("key").unwrap();
    let owner = |jid| OwnerId::of_bare_jid(jid, secrets.current());
    for subject in ["strasse@example.com", "Straße@Example.com", "strasse@example.com/phone"] {
        assert_eq!(owner_of(subject, &secrets), owner("strasse@example.com"), "{subject}");
    }
    assert_eq!(owner_of("no address", &secrets), owner("no address"), "to the letter");
}

fn v1(path: &str, size: u64) -> Credential {
    let mac = mac::keyed(b"key", format!("{path} {size}").as_bytes()).finalize().into_bytes();
    credential("v", &hex::encode(mac)).unwrap()
}

fn outcome(length: Option<u64>, signed: u64, content_type: Option<&str>) -> Result<Grant, PutRefusal> {
    let (paths, credential) = (paths("u/a.jpg"), v1("u/a.jpg", signed));
    let put = PutRequest { paths: &paths, credential: &credential, length, content_type };
    authorize(&put, &PutPolicy { max_size: 1_000, ..policy("key") }, NOW, id())
}

fn by_jwt(length: Option<u64>, filesize: u64, content_type: Option<&str>) -> Result<Grant, PutRefusal> {
    let claims = Claims {
        slot: "s".to_owned(),
        filename: None,
        filesize,
        filetype: String::new(),
        sub: None,
        exp: NOW.plus(60),
        expires: None,
        purpose: Purpose::Message,
    };
    let (paths, credential) = (paths("s/f"), Credential::Jwt(jwt::sign(&claims, &Secret::from("key"))));
    let put = PutRequest { paths: &paths, credential: &credential, length, content_type };
    authorize(&put, &PutPolicy { max_size: 1_000, ..policy("key") }, NOW, id())
}

#[test]
fn sizes_are_checked_at_their_boundaries() {
    assert!(outcome(Some(1_000), 1_000, None).is_ok());
    assert_eq!(outcome(Some(1_001), 1_001, None), Err(PutRefusal::TooLarge { max_size: 1_000 }));
    assert!(outcome(Some(0), 0, None).is_ok());
    assert!(outcome(None, 0, None).is_ok(), "an empty file needs no Content-Length");
    assert_eq!(outcome(None, 1, None), Err(PutRefusal::LengthRequired));
    assert!(matches!(outcome(Some(9), 10, None), Err(PutRefusal::MacMismatch { .. })));
}

#[test]
fn a_body_has_the_very_size_that_claims_name() {
    for (length, filesize, outcome) in [
        (Some(7), 7, Ok(())),
        (Some(6), 7, Err(PutRefusal::SizeMismatch { granted: 7, announced: 6 })),
        (Some(8), 7, Err(PutRefusal::SizeMismatch { granted: 7, announced: 8 })),
        (Some(0), 7, Err(PutRefusal::SizeMismatch { granted: 7, announced: 0 })),
        (Some(1), 0, Err(PutRefusal::SizeMismatch { granted: 0, announced: 1 })),
        (Some(0), 0, Ok(())),
        (None, 0, Ok(())),
        (None, 1, Err(PutRefusal::LengthRequired)),
    ] {
        assert_eq!(by_jwt(length, filesize, None).map(|_| ()), outcome, "{length:?} of {filesize}");
    }
    assert!(by_jwt(Some(1_000), 1_000, None).is_ok());
    assert_eq!(by_jwt(Some(1_001), 1_001, None), Err(PutRefusal::TooLarge { max_size: 1_000 }));
}

#[test]
fn no_content_type_header_is_longer_than_255_bytes_even_where_it_does_not_count() {
    for (length, refused) in [(254, false), (255, false), (256, true), (257, true)] {
        let header = "a".repeat(length);
        let expected = if refused { Err(ContentTypeError::TooLong.into()) } else { Ok(()) };
        assert_eq!(by_jwt(Some(1), 1, Some(&header)).map(|_| ()), expected, "{length}");
        assert_eq!(outcome(Some(1), 1, Some(&header)).map(|_| ()), expected, "{length}");
    }
}

#[test]
fn files_of_5_gib_are_allowed_unless_a_variable_says_less() {
    for (text, max_size) in [
        (None, Some(5_368_709_120)),
        (Some("1"), Some(1)),
        (Some("1000"), Some(1_000)),
        (Some("5368709120"), Some(5_368_709_120)),
        (Some("5368709121"), None),
        (Some("0"), None),
    ] {
        let lookup = |name: &str| match name {
            "SATCHEL_UPLOAD_SECRETS" => Some("new\nold".to_owned()),
            "SATCHEL_MAX_SIZE" => text.map(str::to_owned),
            _ => None,
        };
        let mut environment = Environment::new(&lookup);
        let policy = PutPolicy::read(&mut environment, Some(7));
        let read = environment.finish(policy).ok().map(|policy| (policy.max_size, policy.retention));
        assert_eq!(read, max_size.map(|max_size| (max_size, Some(7))), "{text:?}");
    }
}

#[test]
fn a_refused_mac_says_what_was_maced() {
    let Err(PutRefusal::MacMismatch { protocol, messages }) = outcome(Some(9), 10, None) else { panic!() };
    assert_eq!((protocol, messages), (MacProtocol::V1, vec!["u/a.jpg 9".to_owned()]));
}

#[test]
fn types_of_v1_come_from_the_header_else_the_extension() {
    assert_eq!(outcome(Some(1), 1, Some("image/webp")).unwrap().content_type.as_str(), "image/webp");
    assert_eq!(outcome(Some(1), 1, None).unwrap().content_type.as_str(), "image/jpeg");
}

#[test]
fn the_reading_that_verifies_is_the_one_that_is_stored() {
    let readings = [UploadPath::parse_decoded("u/a b").unwrap(), UploadPath::parse_decoded("u/a%20b").unwrap()];
    for path in &readings {
        let credential = v1(path.as_str(), 1);
        let put = PutRequest { paths: &readings, credential: &credential, length: Some(1), content_type: None };
        assert_eq!(authorize(&put, &policy("key"), NOW, id()).unwrap().path, *path);
    }
}

#[test]
fn the_owner_is_known_from_ejabberds_paths() {
    for (path, known) in [
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709/r/f", true),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709/f", false),
        ("someone/r/f", false),
    ] {
        let (paths, credential) = (paths(path), v1(path, 1));
        let put = PutRequest { paths: &paths, credential: &credential, length: Some(1), content_type: None };
        assert_eq!(authorize(&put, &policy("key"), NOW, id()).unwrap().owner.is_some(), known, "{path}");
    }
}

#[test]
fn a_put_token_deletes_nothing() {
    let paths = paths("u/a");
    let put_mac = mac::keyed(b"key", b"u/a\x001\0text/plain").finalize().into_bytes();
    for (parameter, status) in [("token", "mac_mismatch"), ("v", "token_missing"), ("v2", "token_missing")] {
        let credential = credential(parameter, &hex::encode(put_mac)).unwrap();
        let secrets = DeleteSecrets::parse("delete").unwrap();
        let refusal = authorize_delete(&paths, &credential, &policy("key").secrets, &secrets).unwrap_err();
        assert_eq!(refusal.problem().code, status, "{parameter}");
    }
}

/// What was signed may be compared with what the XMPP server has signed; a deletion's messages hold a secret.
#[test]
fn a_mac_that_does_not_fit_is_logged_with_what_it_was_made_over() {
    let mismatch = |messages| PutRefusal::MacMismatch { protocol: MacProtocol::V2, messages };
    let over = |messages: &[&str]| mismatch(messages.iter().map(|message| (*message).to_owned()).collect()).fields();
    assert_eq!(over(&["u/a\x005", "u/a 5"]), [("signed_messages".into(), vec!["u/a\x005", "u/a 5"].into())]);
    assert_eq!(over(&["eyJh.eyJi.c 5"]), [("signed_messages".into(), vec!["(token) 5"].into())]);
    assert_eq!(over(&[]), [("reason".into(), mismatch(Vec::new()).to_string().into())]);
    assert_eq!(PutRefusal::SlotMismatch.fields(), [("reason".into(), PutRefusal::SlotMismatch.to_string().into())]);
}
