//! What a sealed object carries as S3 user metadata (`x-amz-meta-*`, ASCII, 2 KiB in all).

use crate::{
    grant::{Grant, OwnerId, UploadId},
    repeat::TokenId,
    time::Timestamp,
    upload_path::encode_path,
};

const OWNER: &str = "owner";
const EXPIRES: &str = "expires";
const FILENAME: &str = "filename";
const UPLOAD: &str = "upload";
const TOKEN: &str = "token";

/// Percent-encoding may treble a name: longer ones are left to the key, whose last segment they are.
const MAX_FILENAME_BYTES: usize = 1_500;

/// The metadata of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// See [`OwnerId`].
    pub owner: Option<OwnerId>,
    /// Seconds since the epoch.
    pub expires: Option<Timestamp>,
    /// Which upload made this object, so that a repeated request recognises its own work.
    pub upload: Option<UploadId>,
    /// Which token it came with, so that a client that never heard of its success may send it again.
    pub token: Option<TokenId>,
    filename: Option<String>,
}

impl Metadata {
    /// The metadata that a grant prescribes.
    #[must_use]
    pub fn of(grant: &Grant) -> Self {
        let filename = encode_path(grant.path.file_name());
        Self {
            owner: grant.owner,
            expires: grant.expires,
            upload: Some(grant.id),
            token: grant.token,
            filename: (filename.len() <= MAX_FILENAME_BYTES).then_some(filename),
        }
    }

    /// Names (without `x-amz-meta-`) and values.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, String)> {
        let owner = self.owner.map(|owner| (OWNER, owner.to_hex()));
        let expires = self.expires.map(|at| (EXPIRES, at.as_seconds().to_string()));
        let filename = self.filename.clone().map(|name| (FILENAME, name));
        let upload = self.upload.map(|id| (UPLOAD, id.encode()));
        let token = self.token.map(|token| (TOKEN, token.to_hex()));
        [owner, expires, filename, upload, token].into_iter().flatten()
    }

    /// Reads the metadata of an object; what is absent or malformed is left out.
    #[must_use]
    pub fn read<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Self {
        Self {
            owner: value(OWNER).and_then(OwnerId::parse),
            expires: value(EXPIRES).and_then(|at| at.parse().ok()).map(Timestamp::from_seconds),
            filename: value(FILENAME).map(str::to_owned),
            upload: value(UPLOAD).and_then(UploadId::decode),
            token: value(TOKEN).and_then(TokenId::parse),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{content_type::ContentType, upload_path::UploadPath};

    fn of(path: &str) -> Metadata {
        Metadata::of(&Grant {
            path: UploadPath::parse_decoded(path).unwrap(),
            size: 1,
            content_type: ContentType::parse("").unwrap(),
            expires: Some(Timestamp::from_seconds(5)),
            owner: Some(OwnerId::of_bare_jid("a@b", &"key".into())),
            id: UploadId::from_random([1; 9]),
            token: TokenId::parse(&"0a".repeat(16)),
        })
    }

    #[test]
    fn metadata_is_read_back_as_written() {
        let written = of("u/très cool.jpg");
        let entries: Vec<_> = written.entries().collect();
        assert!(entries.contains(&("filename", "tr%C3%A8s%20cool.jpg".into())));
        let read = Metadata::read(|name| entries.iter().find(|(known, _)| *known == name).map(|(_, v)| v.as_str()));
        assert_eq!(read, written);
    }

    #[test]
    fn metadata_stays_within_s3s_two_kibibytes() {
        let entries = of(&format!("u/{}", "è".repeat(500)));
        assert!(entries.entries().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= 2048);
    }
}
