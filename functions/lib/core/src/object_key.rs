//! Every object Satchel stores has its key here.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{
    date_time,
    grant::{Grant, OwnerId},
    purpose::Purpose,
    time::Timestamp,
    upload_path::{MAX_KEY_BYTES, PathError, UploadPath},
};

const LEDGER: &str = "ledger/";
/// What waits to be sealed.
pub const INCOMING: &str = "incoming/";
/// What resumable uploads have not made a part of yet.
pub const RESUMING: &str = "resuming/";
const REPORTS: &str = "reports/";

/// A key as S3 takes it: at most 1,024 bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// `uploads/<path>`, or the prefix of another purpose where the slot names one: sealed, served, never changed.
    #[must_use]
    pub fn of_upload(path: &UploadPath) -> Self {
        Self(format!("{}{path}", path.purpose().key_prefix()))
    }

    /// `incoming/<path>/<grant>`: being uploaded, not sealed yet.
    ///
    /// # Errors
    /// [`PathError::TooLong`] where path and grant together have more than 1,024 bytes.
    pub fn of_grant(grant: &Grant) -> Result<Self, PathError> {
        let key = format!("{INCOMING}{}/{}", grant.path, grant.encode_fields());
        if key.len() > MAX_KEY_BYTES { Err(PathError::TooLong) } else { Ok(Self(key)) }
    }

    /// `ledger/<owner>`: what an account has been granted today.
    #[must_use]
    pub fn of_ledger(owner: OwnerId) -> Self {
        Self(format!("{LEDGER}{}", owner.to_hex()))
    }

    /// `rosters/<name>` or `groups/<name>`: a small document. What `name` stands for is the library's that keeps it; it comes
    /// percent-encoded.
    #[must_use]
    pub fn of_document(shelf: Shelf, name: &str) -> Self {
        Self(format!("{}{name}", shelf.prefix()))
    }

    /// `resuming/<SHA-256 of the path>`: what the one resumable upload of this path has that is no part yet, and how far
    /// it is. A hash, as the path with this prefix may be longer than a key can be.
    #[must_use]
    pub fn of_incomplete_part(path: &UploadPath) -> Self {
        let hash = Sha256::digest(path.as_str());
        Self(format!("{RESUMING}{}", BASE64_URL_SAFE_NO_PAD.encode(hash)))
    }

    /// `reports/<date>/<time>-<run>.jsonl`: what a run of `expire` has deleted.
    #[must_use]
    pub fn of_report(started: Timestamp, run: &str) -> Self {
        let at = date_time::format(started);
        let (date, time) = (&at[..10], at[11..19].replace(':', ""));
        Self(format!("{REPORTS}{date}/{time}-{run}.jsonl"))
    }

    /// `incoming/<name>`: written to see how a store behaves, and removed again. As nobody's grant it is deleted with what
    /// was never sealed, should it stay.
    #[must_use]
    pub fn of_probe(name: &str) -> Self {
        Self(format!("{INCOMING}probe-{name}"))
    }

    /// A key that another part of the kernel has made.
    pub(crate) const fn new(key: String) -> Self {
        Self(key)
    }

    /// The key, decoded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where small documents are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// One for each account.
    Rosters,
    /// One for each group of accounts.
    Groups,
}

impl Shelf {
    /// What the keys of all its documents begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Rosters => "rosters/",
            Self::Groups => "groups/",
        }
    }
}

/// What a key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredObject {
    /// A sealed upload.
    Upload(UploadPath),
    /// An upload that waits to be sealed.
    Incoming(Box<Grant>),
}

impl StoredObject {
    /// Reads a key; `None` for one that Satchel did not write.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let sealed = |purpose: Purpose| Some((purpose, key.strip_prefix(purpose.key_prefix())?));
        if let Some((purpose, path)) = Purpose::ALL.into_iter().find_map(sealed) {
            return UploadPath::parse_decoded(path).ok().filter(|path| path.purpose() == purpose).map(Self::Upload);
        }
        let (path, fields) = key.strip_prefix(INCOMING)?.rsplit_once('/')?;
        let grant = Grant::decode(UploadPath::parse_decoded(path).ok()?, fields)?;
        Some(Self::Incoming(Box::new(grant)))
    }

    /// What the keys of all files begin with that an owner has for a purpose, as far as Satchel gave out their slots.
    #[must_use]
    pub fn owner_prefix(purpose: Purpose, owner: OwnerId) -> String {
        format!("{}{}", purpose.key_prefix(), owner.slot_prefix())
    }

    /// What the keys of all grants for `path` begin with. Listed with the delimiter `/` it gives these
    /// grants and none of longer paths.
    #[must_use]
    pub fn incoming_prefix(path: &UploadPath) -> String {
        format!("{INCOMING}{path}/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{content_type::ContentType, grant::UploadId};

    fn grant(path: &str) -> Grant {
        Grant {
            path: UploadPath::parse_decoded(path).unwrap(),
            size: 7,
            content_type: ContentType::parse("image/png").unwrap(),
            expires: None,
            owner: None,
            id: UploadId::from_random([0; 9]),
            token: None,
        }
    }

    #[test]
    fn keys_are_read_back_as_written() {
        let path = UploadPath::parse_decoded("a/b.c").unwrap();
        let (upload, incoming) = (Key::of_upload(&path), Key::of_grant(&grant("a/b.c")).unwrap());
        assert_eq!(upload.as_str(), "uploads/a/b.c");
        assert_eq!(incoming.as_str(), "incoming/a/b.c/1.AAAAAAAAAAAA.7...aW1hZ2UvcG5n");
        assert_eq!(StoredObject::parse(upload.as_str()), Some(StoredObject::Upload(path)));
        assert_eq!(StoredObject::parse(incoming.as_str()), Some(StoredObject::Incoming(Box::new(grant("a/b.c")))));
        // printf a/b.c | openssl dgst -sha256 -binary | basenc --base64url
        let incomplete = Key::of_incomplete_part(&UploadPath::parse_decoded("a/b.c").unwrap());
        assert_eq!(incomplete.as_str(), "resuming/wGIFFI94Dre6_EFYuMS01itIlkX3y7L6kelqe29p-3Q");
        assert_eq!(StoredObject::parse(incomplete.as_str()), None, "nothing that is served or sealed");
        let foreign = ["", "uploads/", "uploads/a//b", "incoming/a", "incoming/a/b", "other/a", "incoming//1.A.7..."];
        for key in foreign.into_iter().chain(["uploads/a.profile/b", "uploads-profile/a/b", "uploads-other/a/b"]) {
            assert_eq!(StoredObject::parse(key), None, "{key}");
        }
    }

    #[test]
    fn the_slot_decides_under_which_prefix_a_file_is_kept() {
        for (path, key) in [
            ("o.s/f", "uploads/o.s/f"),
            ("o.s.profile/f", "uploads-profile/o.s.profile/f"),
            ("o.s.ephemeral/f", "uploads-ephemeral/o.s.ephemeral/f"),
            ("o.s.permanent/f", "uploads-permanent/o.s.permanent/f"),
            ("o/f.permanent", "uploads/o/f.permanent"),
        ] {
            let path = UploadPath::parse_decoded(path).unwrap();
            assert_eq!(Key::of_upload(&path).as_str(), key);
            assert_eq!(StoredObject::parse(key), Some(StoredObject::Upload(path)));
        }
    }

    #[test]
    fn all_files_of_an_owner_and_all_grants_of_a_path_have_one_beginning() {
        let owner = OwnerId::parse(&"0".repeat(40)).unwrap();
        for (purpose, prefix) in [
            (Purpose::Message, "uploads/AAAAAAAAAAAAAAAA."),
            (Purpose::Profile, "uploads-profile/AAAAAAAAAAAAAAAA."),
            (Purpose::Ephemeral, "uploads-ephemeral/AAAAAAAAAAAAAAAA."),
            (Purpose::Permanent, "uploads-permanent/AAAAAAAAAAAAAAAA."),
        ] {
            assert_eq!(StoredObject::owner_prefix(purpose, owner), prefix);
        }
        let begins = |path: &str, of: &str| {
            let prefix = StoredObject::incoming_prefix(&UploadPath::parse_decoded(of).unwrap());
            Key::of_grant(&grant(path)).unwrap().as_str().strip_prefix(&prefix).map(|rest| rest.contains('/'))
        };
        assert_eq!(begins("a/b.c", "a/b.c"), Some(false), "its own");
        assert_eq!(begins("a/b.c/d", "a/b.c"), Some(true), "a longer one's, behind a delimiter");
        assert_eq!(begins("a/b.cd", "a/b.c"), None);
    }

    #[test]
    fn a_report_is_found_by_its_date() {
        let key = Key::of_report(Timestamp::from_seconds(1_512_344_525), "a_-b");
        assert_eq!(key.as_str(), "reports/2017-12-03/234205-a_-b.jsonl");
    }

    #[test]
    fn a_key_has_at_most_1024_bytes() {
        for slot in ["a", "a.permanent"] {
            let spare = MAX_KEY_BYTES - Key::of_upload(&UploadPath::from_segments([slot, "n"]).unwrap()).as_str().len();
            let path = |length| UploadPath::from_segments([slot, &"n".repeat(length)]);
            assert_eq!(Key::of_upload(&path(spare + 1).unwrap()).as_str().len(), MAX_KEY_BYTES);
            assert_eq!(path(spare + 2), Err(PathError::TooLong));
        }
        let fields = Key::of_grant(&grant("a")).unwrap().as_str().len() - 1;
        assert!(Key::of_grant(&grant(&"a".repeat(MAX_KEY_BYTES - fields))).is_ok());
        assert_eq!(Key::of_grant(&grant(&"a".repeat(MAX_KEY_BYTES - fields + 1))), Err(PathError::TooLong));
    }
}
