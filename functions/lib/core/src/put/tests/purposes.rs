//! Whose claim of a purpose counts.

use super::*;

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
