//! Grants: all that sealing must know of a large upload, written into its `incoming/` key.
//!
//! The presigned signature protects the key, so issuing a grant stores nothing and sealing looks
//! nothing up.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use sha1::{Digest, Sha1};

use crate::{
    content_type::ContentType, mac, secret::Secret, time::Timestamp, token_id::TokenId, upload_path::UploadPath,
};

/// Who uploaded, as an id that tells nobody else who that is: S3 shows metadata to everyone who may
/// download, and a plain hash of a JID is easily tried out. One person has one id, whichever way a file
/// came, since ejabberd's paths hold the SHA-1 of the bare JID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnerId([u8; 20]);

impl OwnerId {
    /// The id of a bare JID, keyed with a secret of the deployment.
    #[must_use]
    pub fn of_bare_jid(bare_jid: &str, key: &Secret) -> Self {
        Self::keyed(&Sha1::digest(bare_jid).into(), key)
    }

    /// The id of whoever ejabberd's user directory belongs to; `None` for what is not 40 hex digits.
    #[must_use]
    pub fn of_user_directory(directory: &str, key: &Secret) -> Option<Self> {
        let mut sha1 = [0; 20];
        hex::decode_to_slice(directory, &mut sha1).ok()?;
        Some(Self::keyed(&sha1, key))
    }

    fn keyed(sha1: &[u8; 20], key: &Secret) -> Self {
        let mac = mac::keyed(key.as_bytes(), &[b"owner\0", sha1.as_slice()].concat()).finalize().into_bytes();
        let mut id = [0; 20];
        id.copy_from_slice(&mac[..20]);
        Self(id)
    }

    /// Reads 40 hex digits; `None` for anything else.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        let mut id = [0; 20];
        hex::decode_to_slice(hex, &mut id).ok()?;
        Some(Self(id))
    }

    /// What the slots of this owner's files begin with: half of the id, in base64url, and a dot.
    #[must_use]
    pub fn slot_prefix(self) -> String {
        format!("{}.", BASE64_URL_SAFE_NO_PAD.encode(&self.0[..12]))
    }

    /// 40 lower-case hex digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

/// Seconds a presigned PUT may be begun (XEP-0363, section 8: about 300).
pub const PUT_URL_LIFE: u64 = 300;

/// Distinguishes uploads of one path from each other. Not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadId([u8; 9]);

impl UploadId {
    /// Takes nine random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; 9]) -> Self {
        Self(bytes)
    }

    /// Twelve base64url characters.
    #[must_use]
    pub fn encode(self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads them back.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        bytes(text)?.try_into().ok().map(Self)
    }
}

/// An upload that a token allows: what is stored with the object, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Where the object will be.
    pub path: UploadPath,
    /// Its exact size in bytes.
    pub size: u64,
    /// The type to serve.
    pub content_type: ContentType,
    /// When it is gone.
    pub expires: Option<Timestamp>,
    /// Who uploads, where the protocol tells.
    pub owner: Option<OwnerId>,
    /// Which upload of this path it is.
    pub id: UploadId,
    /// Which token allows it. No part of the `incoming/` key: what was sent to S3 directly does not come again.
    pub token: Option<TokenId>,
}

/// The form of the fields, for the day they change.
const VERSION: &str = "1";

impl Grant {
    /// The last segment of the `incoming/` key: version, id, size, expiry, owner and type, separated
    /// by dots, which none of them contains. The path stands before it as it is, so that all grants
    /// of a path can be listed.
    #[must_use]
    pub fn encode_fields(&self) -> String {
        let expires = self.expires.map(|at| at.as_seconds().to_string()).unwrap_or_default();
        let owner = self.owner.map(|owner| BASE64_URL_SAFE_NO_PAD.encode(owner.0)).unwrap_or_default();
        let content_type = BASE64_URL_SAFE_NO_PAD.encode(self.content_type.as_str());
        let (id, size) = (self.id.encode(), self.size);
        format!("{VERSION}.{id}.{size}.{expires}.{owner}.{content_type}")
    }

    /// Reads what [`Grant::encode_fields`] wrote; `None` for anything it would not have written.
    #[must_use]
    pub fn decode(path: UploadPath, fields: &str) -> Option<Self> {
        let [version, id, size, expires, owner, content_type] =
            <[&str; 6]>::try_from(fields.split('.').collect::<Vec<_>>()).ok()?;
        let grant = Self {
            path,
            size: size.parse().ok()?,
            content_type: ContentType::parse(std::str::from_utf8(&bytes(content_type)?).ok()?).ok()?,
            expires: optional(expires, |text| text.parse().ok().map(Timestamp::from_seconds))?,
            owner: optional(owner, |text| bytes(text)?.try_into().ok().map(OwnerId))?,
            id: UploadId::decode(id)?,
            token: None,
        };
        (version == VERSION && grant.encode_fields() == fields).then_some(grant)
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// Nothing for an empty field; `None` for one that does not parse.
#[expect(clippy::option_option, reason = "absent and malformed differ")]
fn optional<T>(field: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if field.is_empty() { Some(None) } else { parse(field).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_owner_has_one_id_whichever_way_a_file_came() {
        let key = Secret::from("key");
        let by_jid = OwnerId::of_bare_jid("romeo@montague.example", &key);
        // printf %s romeo@montague.example | sha1sum
        let directory = "a5018f8c277bc4e61647c7b631df1c57f1cd4628";
        assert_eq!(OwnerId::of_user_directory(directory, &key), Some(by_jid));
        // (printf 'owner\0'; printf a5018f… | xxd -r -p) | openssl dgst -sha256 -hmac key, of which 40 digits
        assert_eq!(by_jid.to_hex(), "6d4da8ae8a1e8cfa213d0fb5b96f73f04b259b88");
        assert_ne!(by_jid, OwnerId::of_bare_jid("romeo@montague.example", &Secret::from("other")));
        assert_eq!(OwnerId::of_user_directory(&directory[1..], &key), None);
    }

    #[test]
    fn an_owner_id_is_40_hex_digits_and_half_of_it_begins_slots() {
        let digits = "6d4da8ae8a1e8cfa213d0fb5b96f73f04b259b88";
        let owner = OwnerId::parse(digits).unwrap();
        assert_eq!(owner.to_hex(), digits);
        assert_eq!(OwnerId::parse(&digits.to_uppercase()), Some(owner));
        // printf %.24s 6d4da8… | xxd -r -p | basenc --base64url
        assert_eq!(owner.slot_prefix(), "bU2orooejPohPQ-1.");
        for other in ["", &digits[1..], &digits[2..], &format!("{digits}00"), &digits.replace('6', "g")] {
            assert_eq!(OwnerId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn fields_are_read_as_they_are_written_and_in_no_other_way() {
        let path = UploadPath::parse_decoded("a").unwrap();
        let full = "1.AAAAAAAAAAAA.7.1800000000.AAAAAAAAAAAAAAAAAAAAAAAAAAA.aW1hZ2UvcG5n";
        for written in ["1.AAAAAAAAAAAA.7...aW1hZ2UvcG5n", "1.AAAAAAAAAAAA.0.0..aW1hZ2UvcG5n", full] {
            let grant = Grant::decode(path.clone(), written).unwrap();
            assert_eq!(grant.encode_fields(), written);
        }
        let grant = Grant::decode(path.clone(), full).unwrap();
        assert_eq!((grant.size, grant.content_type.as_str()), (7, "image/png"));
        assert_eq!(grant.expires, Some(Timestamp::from_seconds(1_800_000_000)));
        assert_eq!((grant.owner, grant.id), (Some(OwnerId([0; 20])), UploadId([0; 9])));
        for (name, fields) in [
            ("nothing", ""),
            ("an unknown version", "2.AAAAAAAAAAAA.7...aW1hZ2UvcG5n"),
            ("no version", ".AAAAAAAAAAAA.7...aW1hZ2UvcG5n"),
            ("a field too few", "1.AAAAAAAAAAAA.7..aW1hZ2UvcG5n"),
            ("a field too many", "1.AAAAAAAAAAAA.7....aW1hZ2UvcG5n"),
            ("no id", "1..7...aW1hZ2UvcG5n"),
            ("a short id", "1.AAAAAAAAAAA.7...aW1hZ2UvcG5n"),
            ("a long id", "1.AAAAAAAAAAAAAA.7...aW1hZ2UvcG5n"),
            ("no size", "1.AAAAAAAAAAAA....aW1hZ2UvcG5n"),
            ("a size with a zero before it", "1.AAAAAAAAAAAA.07...aW1hZ2UvcG5n"),
            ("a size with a sign", "1.AAAAAAAAAAAA.+7...aW1hZ2UvcG5n"),
            ("2 to the 64 bytes", "1.AAAAAAAAAAAA.18446744073709551616...aW1hZ2UvcG5n"),
            ("an expiry with a sign", "1.AAAAAAAAAAAA.7.+1..aW1hZ2UvcG5n"),
            ("a short owner", "1.AAAAAAAAAAAA.7..AAAAAAAAAAAAAAAAAAAAAAAAAA.aW1hZ2UvcG5n"),
            ("an owner whose last bits are lost", "1.AAAAAAAAAAAA.7..AAAAAAAAAAAAAAAAAAAAAAAAAAB.aW1hZ2UvcG5n"),
            ("no type", "1.AAAAAAAAAAAA.7..."),
            ("a type that is none", "1.AAAAAAAAAAAA.7...cG5n"),
            ("a type with padding", "1.AAAAAAAAAAAA.7...dGV4dC9jc3M="),
            ("a type between spaces", "1.AAAAAAAAAAAA.7...IGltYWdlL3BuZyA"),
        ] {
            assert_eq!(Grant::decode(path.clone(), fields), None, "{name}");
        }
    }

    fn grants() -> impl Strategy<Value = Grant> {
        let parts = (
            any::<u64>(),
            "[a-z]{1,20}/[a-z0-9.+-]{1,100}(; ?[a-z]{1,9}=\"[ !#-~&&[^\\\\]]{0,50}\")?",
            any::<Option<u64>>(),
            any::<Option<[u8; 20]>>(),
            any::<[u8; 9]>(),
        );
        parts.prop_map(|(size, content_type, expires, owner, id)| Grant {
            path: UploadPath::parse_decoded("a/b c").unwrap(),
            size,
            content_type: ContentType::parse(&content_type).unwrap(),
            expires: expires.map(Timestamp::from_seconds),
            owner: owner.map(OwnerId),
            id: UploadId::from_random(id),
            token: None,
        })
    }

    proptest! {
        #[test]
        fn a_grant_survives_its_key(grant in grants()) {
            let fields = grant.encode_fields();
            prop_assert!(!fields.contains('/'));
            prop_assert_eq!(Grant::decode(grant.path.clone(), &fields), Some(grant));
        }

        #[test]
        fn no_other_fields_are_read(fields in "[0-9A-Za-z_.-]{0,60}") {
            let path = UploadPath::parse_decoded("a").unwrap();
            if let Some(grant) = Grant::decode(path, &fields) {
                prop_assert_eq!(grant.encode_fields(), fields);
            }
        }
    }
}
