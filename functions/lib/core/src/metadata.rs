//! What a sealed object carries as S3 user metadata (`x-amz-meta-*`, ASCII, 2 KiB in all).

use crate::{
    grant::{Grant, OwnerId, UploadId},
    time::Timestamp,
    token_id::TokenId,
    upload_metadata::UploadMetadata,
    upload_path::encode_path,
};

const OWNER: &str = "owner";
const EXPIRES: &str = "expires";
const FILENAME: &str = "filename";
const UPLOAD: &str = "upload";
const TOKEN: &str = "token";
const CLIENT: &str = "tus";

/// S3's limit of names and values together (AWS: "Working with object metadata").
const MAX_BYTES: usize = 2_048;
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
    /// What the client of a resumable upload said about its file.
    pub client: UploadMetadata,
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
            client: UploadMetadata::default(),
            filename: (filename.len() <= MAX_FILENAME_BYTES).then_some(filename),
        }
    }

    /// The same with what the client of a resumable upload says. Where there is no room for both, the file's name is left
    /// to the key, too.
    #[must_use]
    pub fn with_client(mut self, client: UploadMetadata) -> Self {
        self.client = client;
        if self.entries().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_BYTES {
            self.filename = None;
        }
        self
    }

    /// Names (without `x-amz-meta-`) and values.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, String)> {
        let owner = self.owner.map(|owner| (OWNER, owner.to_hex()));
        let expires = self.expires.map(|at| (EXPIRES, at.as_seconds().to_string()));
        let filename = self.filename.clone().map(|name| (FILENAME, name));
        let upload = self.upload.map(|id| (UPLOAD, id.encode()));
        let token = self.token.map(|token| (TOKEN, token.to_hex()));
        let client = Some(self.client.as_str()).filter(|said| !said.is_empty()).map(|said| (CLIENT, said.to_owned()));
        [owner, expires, filename, upload, token, client].into_iter().flatten()
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
            client: value(CLIENT).and_then(|said| UploadMetadata::parse(said).ok()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{content_type::ContentType, upload_metadata::MAX_METADATA_BYTES, upload_path::UploadPath};

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

    fn client(header: &str) -> UploadMetadata {
        UploadMetadata::parse(header).unwrap()
    }

    fn read_back(written: &Metadata) -> Metadata {
        let entries: Vec<_> = written.entries().collect();
        Metadata::read(|name| entries.iter().find(|(known, _)| *known == name).map(|(_, v)| v.as_str()))
    }

    #[test]
    fn metadata_is_read_back_as_written() {
        let written = of("u/très cool.jpg");
        assert!(written.entries().any(|entry| entry == ("filename", "tr%C3%A8s%20cool.jpg".into())));
        assert_eq!(read_back(&written), written);
        let written = written.with_client(client("filename YQ==,is_confidential"));
        assert_eq!(written.entries().count(), 6);
        assert_eq!(read_back(&written), written);
    }

    #[test]
    fn metadata_stays_within_s3s_two_kibibytes_and_keeps_all_that_a_client_says() {
        for name in ["a.jpg".to_owned(), "è".repeat(250), "è".repeat(500)] {
            for said in [0, 100, MAX_METADATA_BYTES] {
                let said = client(&"a".repeat(said));
                let mut metadata = of(&format!("u/{name}")).with_client(said.clone());
                metadata.expires = Some(Timestamp::from_seconds(u64::MAX));
                assert!(metadata.entries().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= MAX_BYTES);
                assert_eq!(read_back(&metadata).client, said);
            }
        }
    }
}
