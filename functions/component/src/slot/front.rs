//! Slots that lead to a front. ejabberd before 25.08 percent-encodes what `service_url` answers: a query, and with it any
//! presigned URL, does not survive that. So the token stands in the path, and neither URL has anything to encode.

use std::borrow::Cow;

use satchel_core::{
    config::Environment,
    grant::PUT_URL_LIFE,
    jid::BareJid,
    jwt::{self, Claims},
    purpose::Purpose,
    secret::{Secret, Secrets},
    time::Timestamp,
    upload_path::{UploadPath, encode_path},
};

use super::{granting::Slot, refusal::SlotRefusal};

/// Where the PUT of slots goes (`SATCHEL_SLOT_PUT`).
#[derive(Debug, Clone)]
pub enum PutTarget {
    /// Straight to S3, by a presigned URL.
    S3,
    /// Below `SATCHEL_PUBLIC_URL`, with a token that `upload` checks with this secret.
    Front(Secret),
}

impl PutTarget {
    /// Reads `SATCHEL_SLOT_PUT`: `front` needs a secret to sign tokens with.
    pub fn read(environment: &mut Environment<'_>, secrets: Option<&Secrets>) -> Self {
        const NAME: &str = "SATCHEL_SLOT_PUT";
        let problem = match (environment.text(NAME).as_deref(), secrets) {
            (None | Some("s3"), _) => return Self::S3,
            (Some("front"), Some(secrets)) => return Self::Front(secrets.current().clone()),
            (Some("front"), None) => "is 'front', which needs SATCHEL_UPLOAD_SECRETS to sign tokens".to_owned(),
            (Some(other), _) => format!("'{other}' is neither s3 nor front"),
        };
        environment.complain(NAME, problem);
        Self::S3
    }

    /// What a file of this name will be called.
    #[must_use]
    pub fn file_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match self {
            Self::S3 => Cow::Borrowed(name),
            Self::Front(_) => Cow::Owned(plain_name(name)),
        }
    }
}

/// The name as a URL can have it without any encoding (XEP-0363, section 4): letters and digits of ASCII and `_.-` stay, all
/// else becomes `_`. Encoded letters would be encoded once more by an ejabberd before 25.08, and a later one fails on
/// those that are not.
fn plain_name(name: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    name.chars().map(|character| if plain(character) { character } else { '_' }).collect()
}

/// Where to PUT and GET, for a slot whose file was named by [`PutTarget::file_name`]. The token is one of
/// mod_http_file_share's.
///
/// # Errors
/// The token makes the path too long; the address is none.
pub fn urls(
    slot: &Slot,
    from: &str,
    public_url: &str,
    secret: &Secret,
    now: Timestamp,
) -> Result<[String; 2], SlotRefusal> {
    let token = token(slot, from, secret, now)?;
    let path = UploadPath::from_segments([slot.grant.path.slot(), token.as_str()]).map_err(SlotRefusal::FileName)?;
    Ok([&path, &slot.grant.path].map(|path| format!("{public_url}{}", encode_path(path.as_str()))))
}

/// What lets its holder PUT this slot's file: a token of mod_http_file_share's form.
///
/// # Errors
/// The address is none.
pub fn token(slot: &Slot, from: &str, secret: &Secret, now: Timestamp) -> Result<String, SlotRefusal> {
    let owner = BareJid::of(from).map_err(|_| SlotRefusal::Address)?;
    let claims = Claims {
        slot: slot.grant.path.slot().to_owned(),
        filename: Some(slot.grant.path.file_name().to_owned()),
        filesize: slot.grant.size,
        filetype: slot.grant.content_type.as_str().to_owned(),
        sub: Some(owner.as_str().to_owned()),
        exp: now.plus(PUT_URL_LIFE),
        expires: slot.grant.expires,
        purpose: slot.grant.path.purpose(),
    };
    // What is for messages is no more than an XMPP server may sign.
    let own = (claims.purpose != Purpose::Message).then(|| jwt::own_key(secret));
    Ok(jwt::sign(&claims, own.as_ref().unwrap_or(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::{AllowedDomains, Chance, Service, SlotPolicy, SlotRequest, decide};
    use satchel_core::{
        credential::Credential,
        grant::{Grant, UploadId},
        put::{self, PutPolicy, PutRequest},
        retention::Retention,
        token_id::TokenId,
    };

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
    const BASE: &str = "https://files.example.org:8080/upload/";

    fn slot(name: &str) -> Slot {
        let policy = SlotPolicy {
            max_size: 1_000,
            daily_quota: None,
            retention: Retention { message: Some(100), ..Retention::default() },
            purposes: Vec::new(),
            domains: AllowedDomains::default(),
            owner_keys: Secrets::parse("key").unwrap(),
        };
        let request = SlotRequest {
            from: "romeo@example.org",
            service: Service::CheckedByServer,
            file_name: Some(name),
            size: Some("1000"),
            content_type: Some("image/jpeg"),
            purpose: satchel_core::purpose::Purpose::Message,
            expire_before: None,
        };
        decide(&request, &policy, NOW, &Chance { slot: [0xff; 18], upload: UploadId::from_random([0; 9]) }).unwrap()
    }

    fn urls_of(slot: &Slot) -> Result<[String; 2], SlotRefusal> {
        urls(slot, "romeo@example.org/garden", BASE, &Secret::from("key"), NOW)
    }

    #[test]
    fn the_put_grants_exactly_the_slot() {
        let slot = slot("photo_1.jpg");
        let [put_url, get_url] = urls_of(&slot).unwrap();
        assert_eq!(get_url, format!("{BASE}{}", slot.grant.path));
        let path = UploadPath::parse_encoded(put_url.strip_prefix(BASE).unwrap()).unwrap();
        let (credential, path) = Credential::in_path(&path).unwrap();
        let request = PutRequest { paths: &[path], credential: &credential, length: Some(1_000), content_type: None };
        let policy = PutPolicy { secrets: Secrets::parse("key").unwrap(), max_size: 1_000, retention: None };
        let authorized = |now| put::authorize(&request, &policy, now, slot.grant.id);
        let token = Some(TokenId::of(&credential));
        assert_eq!(authorized(NOW), Ok(Grant { token, ..slot.grant.clone() }));
        assert!(authorized(NOW.plus(PUT_URL_LIFE - 1)).is_ok() && authorized(NOW.plus(PUT_URL_LIFE)).is_err());
    }

    #[test]
    fn ejabberd_has_nothing_to_encode_in_either_url() {
        let untouched = |c: char| c.is_ascii_alphanumeric() || "_.-/:".contains(c);
        for url in urls_of(&slot(&plain_name("14-خید a b%20\"<&>?#+=~!é中.jpg"))).unwrap() {
            assert!(url.chars().all(untouched), "{url}");
        }
    }

    #[test]
    fn names_become_what_ejabberd_makes_of_them() {
        for (name, plain) in [
            ("photo-1_2.JPG", "photo-1_2.JPG"),
            ("Grüße 100%.jpg", "Gr__e_100_.jpg"),
            ("14-خید.xlsx", "14-___.xlsx"),
            ("中文 é.txt", "____.txt"),
            ("a/..\\b\n", "a_.._b_"),
            ("", ""),
        ] {
            assert_eq!(plain_name(name), plain);
        }
    }

    #[test]
    fn a_name_that_leaves_no_room_for_the_token_is_refused() {
        assert!(urls_of(&slot(&"n".repeat(300))).is_ok());
        assert!(matches!(urls_of(&slot(&"n".repeat(700))), Err(SlotRefusal::FileName(_))));
    }
}
