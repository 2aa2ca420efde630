//! The published vectors: what other programs sign, and how it is answered.

use serde::Deserialize;

use super::*;

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
    serde_json::from_str(include_str!("../vectors.json")).unwrap()
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
