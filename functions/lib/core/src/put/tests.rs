//! The decision, on the published vectors and at its boundaries.

use hmac::Mac;
use serde::Deserialize;

use super::*;
use crate::secret::Secret;

const NOW: Timestamp = Timestamp::from_seconds(1_612_113_200);

#[derive(Deserialize)]
struct Vectors {
    mac: Vec<MacVector>,
    jwt: Vec<JwtVector>,
}

#[derive(Deserialize)]
struct MacVector {
    protocol: String,
    key: String,
    delete_secret: Option<String>,
    raw_path: String,
    path: String,
    size: Option<u64>,
    signed_content_type: Option<String>,
    content_type_header: Option<String>,
    mac: String,
    accept: bool,
    note: String,
}

#[derive(Deserialize)]
struct JwtVector {
    key: String,
    now: u64,
    raw_path: String,
    token: String,
    status: u16,
    size: Option<u64>,
    note: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

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
fn every_mac_vector_is_answered_as_it_says() {
    for vector in vectors().mac {
        let paths = paths(&vector.raw_path);
        assert_eq!(paths[0].as_str(), vector.path, "{}", vector.note);
        let credential = credential(vector.protocol.split('-').next().unwrap(), &vector.mac).unwrap();
        let policy = policy(&format!("another secret\n{}", vector.key));
        let accepted = match vector.delete_secret {
            Some(secret) => {
                let secrets = DeleteSecrets::parse(&format!("the next one\n{secret}")).unwrap();
                authorize_delete(&paths, &credential, &policy.secrets, &secrets).is_ok()
            }
            None => {
                let content_type = vector.content_type_header.as_deref();
                let put = PutRequest { paths: &paths, credential: &credential, length: vector.size, content_type };
                let grant = authorize(&put, &policy, NOW, id());
                if let (Ok(grant), Some(signed)) = (&grant, &vector.signed_content_type) {
                    let stored = if signed.is_empty() { "application/octet-stream" } else { signed };
                    assert_eq!(grant.content_type.as_str(), stored, "{}", vector.note);
                }
                grant.is_ok()
            }
        };
        assert_eq!(accepted, vector.accept, "{}", vector.note);
    }
}

#[test]
fn every_jwt_vector_is_answered_as_it_says() {
    for vector in vectors().jwt {
        let paths = paths(&vector.raw_path);
        let credential = Credential::Jwt(vector.token);
        let length = Some(vector.size.unwrap_or(7_168));
        let put = PutRequest { paths: &paths, credential: &credential, length, content_type: Some("x/ignored") };
        let status = match authorize(&put, &policy(&vector.key), Timestamp::from_seconds(vector.now), id()) {
            Ok(_) => 201,
            Err(refusal) => refusal.problem().status.as_u16(),
        };
        assert_eq!(status, vector.status, "{}", vector.note);
    }
}

#[test]
fn claims_say_all_that_is_stored() {
    let vector = vectors().jwt.swap_remove(0);
    let (paths, credential) = (paths("RVbKAgWPcrUYAodj/another%20name"), Credential::Jwt(vector.token));
    let put = PutRequest { paths: &paths, credential: &credential, length: Some(7_168), content_type: None };
    let mut policy = policy(&vector.key);
    policy.retention = Some(1);
    let grant = authorize(&put, &policy, NOW, id()).unwrap();
    assert_eq!(grant.path.as_str(), "RVbKAgWPcrUYAodj/picture.png");
    assert_eq!(grant.content_type.as_str(), "image/png");
    assert_eq!(grant.expires, Some(Timestamp::from_seconds(1_612_717_960)));
    assert_eq!(grant.owner, Some(OwnerId::of_bare_jid("user@example.com", policy.secrets.current())));
    assert_eq!(grant.token, Some(TokenId::of(&credential)));
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

/// A purpose decides how long a file is kept: whoever knows the secret alone has none to give.
#[test]
fn a_purpose_is_satchels_own_to_give() {
    let (secret, month) = (Secret::from("new"), Some(2_592_000));
    for (purpose, path) in [
        (Purpose::Message, "o.s/f"),
        (Purpose::Profile, "o.s.profile/f"),
        (Purpose::Ephemeral, "o.s.ephemeral/f"),
        (Purpose::Permanent, "o.s.permanent/f"),
    ] {
        let claims = Claims {
            slot: path.split_once('/').unwrap().0.to_owned(),
            filename: Some("f".to_owned()),
            filesize: 5,
            filetype: String::new(),
            sub: None,
            exp: NOW.plus(60),
            expires: None,
            purpose,
        };
        let authorized = |token: String, path: &str| {
            let (paths, credential) = (paths(path), Credential::Jwt(token));
            let put = PutRequest { paths: &paths, credential: &credential, length: Some(5), content_type: None };
            let policy = PutPolicy { retention: month, ..policy("new\nold") };
            authorize(&put, &policy, NOW, id()).map(|grant| grant.expires)
        };
        let is_message = purpose == Purpose::Message;
        let by_server = if is_message { Ok(Some(NOW.plus(2_592_000))) } else { Err(PutRefusal::SlotReserved) };
        assert_eq!(authorized(jwt::sign(&claims, &secret), path), by_server, "{path}");
        let own = Ok(is_message.then(|| NOW.plus(2_592_000)));
        for secret in [&secret, &Secret::from("old")] {
            assert_eq!(authorized(jwt::sign(&claims, &jwt::own_key(secret)), path), own, "{path}");
        }
        let another = Claims { slot: "o.s.permanent".to_owned(), purpose: Purpose::Message, ..claims };
        let refused = authorized(jwt::sign(&another, &jwt::own_key(&secret)), "o.s.permanent/f");
        assert_eq!(refused, Err(PutRefusal::SlotReserved));
    }
}

/// Another program may one day have a claim of this name.
#[test]
fn a_servers_claim_of_that_name_does_not_count() {
    let secret = Secret::from("new");
    for purpose in [r#""permanent""#, r#""avatar""#, "7", "null", "{}"] {
        let part = |json: &str| base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, json);
        let claims = format!(
            r#"{{"slot":"s","filename":"f","filesize":5,"exp":{},"purpose":{purpose}}}"#,
            NOW.as_seconds() + 60
        );
        let message = format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&claims));
        let mac = crate::mac::keyed(secret.as_bytes(), message.as_bytes()).finalize().into_bytes();
        let mac = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, mac);
        let (paths, credential) = (paths("s/f"), Credential::Jwt(format!("{message}.{mac}")));
        let put = PutRequest { paths: &paths, credential: &credential, length: Some(5), content_type: None };
        assert!(authorize(&put, &policy("new"), NOW, id()).is_ok(), "{purpose}");
    }
}
