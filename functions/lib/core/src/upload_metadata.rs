//! What a client says about its file in `Upload-Metadata`: kept while the upload lasts, and given back by HEAD.

use std::collections::HashSet;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// S3 keeps 2 KiB of user metadata with an object, names and Satchel's own included.
pub const MAX_METADATA_BYTES: usize = 1_900;

/// The key that clients name the file's type with.
const FILE_TYPE: &str = "filetype";

/// Padding may be left out, as some clients do.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why an `Upload-Metadata` header is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UploadMetadataError {
    /// S3 keeps no more beside an object.
    #[error("the Upload-Metadata header is longer than {MAX_METADATA_BYTES} bytes")]
    TooLong,
    /// A key that is empty, not printable ASCII or there twice, or a value that is not base64.
    #[error("the Upload-Metadata header is not a list of different keys, each with a base64 value or none")]
    Malformed,
}

/// Checked pairs of keys and base64 values, as the client wrote them but for white space around them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadMetadata(String);

impl UploadMetadata {
    /// Reads the header. An empty one says nothing, as none does.
    ///
    /// # Errors
    /// See [`UploadMetadataError`].
    pub fn parse(header: &str) -> Result<Self, UploadMetadataError> {
        if header.len() > MAX_METADATA_BYTES {
            return Err(UploadMetadataError::TooLong);
        }
        if header.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut keys = HashSet::new();
        let pairs = header.split(',').map(|pair| {
            let (key, value) = split(pair);
            let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
            let is_pair = is_key && keys.insert(key) && BASE64.decode(value).is_ok();
            is_pair.then(|| if value.is_empty() { key.to_owned() } else { format!("{key} {value}") })
        });
        let pairs: Option<Vec<String>> = pairs.collect();
        pairs.map(|pairs| Self(pairs.join(","))).ok_or(UploadMetadataError::Malformed)
    }

    /// The header's value; empty where the client said nothing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The type that the client gives the file.
    #[must_use]
    pub fn file_type(&self) -> Option<String> {
        let (_, value) = self.0.split(',').map(split).find(|(key, _)| *key == FILE_TYPE)?;
        String::from_utf8(BASE64.decode(value).ok()?).ok().filter(|text| !text.is_empty())
    }
}

fn split(pair: &str) -> (&str, &str) {
    let (key, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
    (key, value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(header: &str) -> Option<String> {
        UploadMetadata::parse(header).ok().map(|metadata| metadata.as_str().to_owned())
    }

    #[test]
    fn metadata_is_given_back_as_it_came() {
        for (header, read_as) in [
            ("", ""),
            (" ", ""),
            ("filename d29ybGQ=,is_confidential", "filename d29ybGQ=,is_confidential"),
            ("filename d29ybGQ= , is_confidential ", "filename d29ybGQ=,is_confidential"),
            ("a YQ", "a YQ"),
            ("a  YQ==", "a YQ=="),
        ] {
            assert_eq!(read(header).as_deref(), Some(read_as), "{header}");
        }
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for header in [",", "a,", ",a", "a YQ==,a YQ==", "a *", "a YQ== YQ==", "gr\u{fc}n YQ==", "a\u{fffd}"] {
            assert_eq!(UploadMetadata::parse(header), Err(UploadMetadataError::Malformed), "{header}");
        }
        let long = |length: usize| UploadMetadata::parse(&"a".repeat(length)).map(|metadata| metadata.as_str().len());
        assert_eq!(long(MAX_METADATA_BYTES), Ok(MAX_METADATA_BYTES));
        assert_eq!(long(MAX_METADATA_BYTES + 1), Err(UploadMetadataError::TooLong));
    }

    #[test]
    fn the_type_is_the_clients() {
        let of = |header| UploadMetadata::parse(header).unwrap().file_type();
        assert_eq!(of("filename YQ==,filetype aW1hZ2UvcG5n").as_deref(), Some("image/png"));
        assert_eq!(of("filetype"), None);
        assert_eq!(of("filetype /w=="), None);
        assert_eq!(of("xfiletype aW1hZ2UvcG5n"), None);
    }

    proptest! {
        #[test]
        fn what_was_read_reads_the_same_again(header in "[a-c =,YQ]{0,40}") {
            if let Some(once) = read(&header) {
                prop_assert_eq!(read(&once), Some(once));
            }
        }
    }
}
