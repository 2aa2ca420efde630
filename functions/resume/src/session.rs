//! The signed id of an upload: all that must be known of it between two requests, so that nothing is looked up.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use satchel_core::{
    grant::Grant,
    mac,
    secret::{Secret, Secrets},
    time::Timestamp,
    upload_path::{UploadPath, encode_path},
};
use satchel_store::PartialName;

use crate::{refusal::ResumeRefusal, request::ID_PARAMETER};

/// Keeps these MACs apart from those of upload tokens with the same secret: no path begins with NUL.
const DOMAIN: &str = "\0resume\0";

/// An upload between its creation and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What the token granted: path, size, type, expiry, owner, id.
    pub grant: Grant,
    /// What the store calls it; `None` for an upload that came as a whole with its creation.
    pub partial: Option<PartialName>,
    /// Until when it can be resumed.
    pub expires: Timestamp,
}

/// A session as text. Whoever has it may continue the upload, so printing it shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedId(String);

impl SignedId {
    /// As it goes into URLs and headers: letters, digits, `-`, `_` and `.`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The upload's own URL. `base` is where resumable uploads are, with the slash at its end: an absolute one, as some
    /// clients resolve no reference (aiotus does not, nor Dart's).
    #[must_use]
    pub fn location(&self, base: &str, path: &UploadPath) -> String {
        format!("{base}{}?{ID_PARAMETER}={}", encode_path(path.as_str()), self.0)
    }
}

impl fmt::Debug for SignedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedId(..)")
    }
}

impl Session {
    /// Signs the session, which was asked for at one of these paths. The file's own path is signed in any case, but part
    /// of the id only where it is none of them: a JWT names the file itself.
    #[must_use]
    pub fn sign(&self, secret: &Secret, asked_at: &[UploadPath]) -> SignedId {
        let fields = self.fields(asked_at);
        let mac = mac::keyed(secret.as_bytes(), &message(&self.grant.path, &fields)).finalize().into_bytes();
        SignedId(format!("{fields}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Reads a signed id that came with one of these paths.
    ///
    /// # Errors
    /// `Unknown` for whatever none of the secrets has signed for any of the paths; `Expired` from the second of its
    /// expiry.
    pub fn verify(id: &str, paths: &[UploadPath], secrets: &Secrets, now: Timestamp) -> Result<Self, ResumeRefusal> {
        let (fields, mac) = id.rsplit_once('.').ok_or(ResumeRefusal::Unknown)?;
        let mac = BASE64_URL_SAFE_NO_PAD.decode(mac).map_err(|_| ResumeRefusal::Unknown)?;
        let (own_path, rest) = fields.split_once('.').ok_or(ResumeRefusal::Unknown)?;
        let own_path = decode_text(own_path).and_then(|path| UploadPath::parse_decoded(&path).ok());
        let signs = |path: &&UploadPath| {
            let message = message(path, fields);
            secrets.iter().any(|secret| mac::keyed(secret.as_bytes(), &message).verify_slice(&mac).is_ok())
        };
        let path = own_path.iter().chain(paths).find(signs).ok_or(ResumeRefusal::Unknown)?;
        let session = Self::decode(path, rest).ok_or(ResumeRefusal::Unknown)?;
        if session.expires.is_reached(now) { Err(ResumeRefusal::Expired) } else { Ok(session) }
    }

    fn fields(&self, asked_at: &[UploadPath]) -> String {
        let path = if asked_at.contains(&self.grant.path) { "" } else { self.grant.path.as_str() };
        let partial = self.partial.as_ref().map_or("", PartialName::as_str);
        let [path, partial] = [path, partial].map(|text| BASE64_URL_SAFE_NO_PAD.encode(text));
        format!("{path}.{}.{}.{partial}", self.grant.encode_fields(), self.expires.as_seconds())
    }

    fn decode(path: &UploadPath, fields: &str) -> Option<Self> {
        let (rest, partial) = fields.rsplit_once('.')?;
        let (grant, expires) = rest.rsplit_once('.')?;
        let partial = decode_text(partial)?;
        Some(Self {
            grant: Grant::decode(path.clone(), grant)?,
            partial: (!partial.is_empty()).then(|| PartialName::new(partial)),
            expires: Timestamp::from_seconds(expires.parse().ok()?),
        })
    }
}

fn decode_text(base64: &str) -> Option<String> {
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(base64).ok()?).ok()
}

fn message(path: &UploadPath, fields: &str) -> Vec<u8> {
    format!("{DOMAIN}{path}\0{fields}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use satchel_core::{
        content_type::ContentType,
        grant::{OwnerId, UploadId},
        mac::HexMac,
    };
    use satchel_store::PartialName;

    const EXPIRES: Timestamp = Timestamp::from_seconds(1_000);
    const BEFORE: Timestamp = Timestamp::from_seconds(999);

    fn path(decoded: &str) -> UploadPath {
        UploadPath::parse_decoded(decoded).unwrap()
    }

    fn session(multipart: Option<&str>) -> Session {
        Session {
            grant: Grant {
                path: path("a/b c.jpg"),
                size: 7,
                content_type: ContentType::parse("image/png; a=\".\"").unwrap(),
                expires: Some(Timestamp::from_seconds(9)),
                owner: Some(OwnerId::of_bare_jid("a@b", &"key".into())),
                id: UploadId::from_random([1; 9]),
                token: None,
            },
            partial: multipart.map(PartialName::new),
            expires: EXPIRES,
        }
    }

    fn verify(id: &str, paths: &[UploadPath], secrets: &str) -> Result<Session, ResumeRefusal> {
        Session::verify(id, paths, &Secrets::parse(secrets).unwrap(), BEFORE)
    }

    #[test]
    fn a_session_survives_its_id_whichever_secret_signed_it() {
        for multipart in [None, Some("2~a.b/c"), Some("x")] {
            let session = session(multipart);
            let id = session.sign(&"old".into(), &[path("a/b c.jpg")]);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            assert!(id.as_str().bytes().all(plain), "{}", id.as_str());
            let paths = [path("a/b%20c.jpg"), path("a/b c.jpg")];
            assert_eq!(verify(id.as_str(), &paths, "new\nold"), Ok(session));
            assert!(!format!("{id:?}").contains(id.as_str()));
        }
    }

    #[test]
    fn an_upload_that_was_asked_for_elsewhere_is_known_there_too() {
        let (session, own, elsewhere) = (session(Some("x")), path("a/b c.jpg"), path("a/other/eyJ"));
        let id = session.sign(&"key".into(), std::slice::from_ref(&elsewhere));
        for paths in [&[own][..], &[elsewhere]] {
            assert_eq!(verify(id.as_str(), paths, "key").as_ref(), Ok(&session));
        }
    }

    #[test]
    fn only_what_was_signed_for_the_path_is_an_upload() {
        let known = [path("a/b c.jpg")];
        let id = session(Some("x")).sign(&"key".into(), &known).as_str().to_owned();
        assert!(verify(&id, &known, "key").is_ok());
        assert_eq!(verify(&id, &known, "other"), Err(ResumeRefusal::Unknown));
        assert_eq!(verify(&id, &[path("a/b")], "key"), Err(ResumeRefusal::Unknown));
        assert_eq!(verify(&id, &[], "key"), Err(ResumeRefusal::Unknown));
        for position in 0..id.len() {
            let mut other = id.clone().into_bytes();
            other[position] = if other[position] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(verify(&other, &known, "key"), Err(ResumeRefusal::Unknown), "{position}");
            assert_eq!(verify(&id[..position], &known, "key"), Err(ResumeRefusal::Unknown), "{position}");
        }
        for garbage in ["", ".", "..", "a.b", "é.é"] {
            assert_eq!(verify(garbage, &known, "key"), Err(ResumeRefusal::Unknown), "{garbage}");
        }
    }

    #[test]
    fn an_id_is_good_until_the_second_of_its_expiry() {
        let (session, secrets) = (session(None), Secrets::parse("key").unwrap());
        let paths = [session.grant.path.clone()];
        let id = session.sign(secrets.current(), &paths);
        let at = |now| Session::verify(id.as_str(), &paths, &secrets, now).map(|_| ());
        assert_eq!(at(BEFORE), Ok(()));
        assert_eq!(at(EXPIRES), Err(ResumeRefusal::Expired));
    }

    #[test]
    fn an_id_is_no_upload_token() {
        let session = session(None);
        let id = session.sign(&"key".into(), &[path("a/b c.jpg")]);
        let (fields, mac) = id.as_str().rsplit_once('.').unwrap();
        let mac = HexMac::parse(&hex::encode(BASE64_URL_SAFE_NO_PAD.decode(mac).unwrap())).unwrap();
        let secrets = Secrets::parse("key").unwrap();
        assert!(mac.verifies(&secrets, &format!("\0resume\0a/b c.jpg\0{fields}")));
        assert_eq!(UploadPath::parse_decoded("\0resume\0a").ok(), None, "no token is over such a message");
    }

    #[test]
    fn the_location_is_below_the_base() {
        let id = SignedId("ID".into());
        for (path, location) in [
            ("a/b c.jpg", "https://x.org/prod/resume/a/b%20c.jpg?upload=ID"),
            ("a:b", "https://x.org/prod/resume/a%3Ab?upload=ID"),
        ] {
            assert_eq!(id.location("https://x.org/prod/resume/", &self::path(path)), location);
        }
    }
}
