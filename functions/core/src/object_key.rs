//! Every object Satchel stores has its key here.

use std::fmt;

use crate::{
    grant::Grant,
    upload_path::{MAX_KEY_BYTES, PathError, UploadPath},
};

const UPLOADS: &str = "uploads/";
const INCOMING: &str = "incoming/";

/// The key of a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectKey {
    /// `uploads/<path>`: sealed, served, never changed.
    Upload(UploadPath),
    /// `incoming/<path>/<grant>`: being uploaded, not sealed yet.
    Incoming(Box<Grant>),
}

/// A key as S3 takes it: at most 1,024 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedKey(String);

impl EncodedKey {
    /// The decoded key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EncodedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ObjectKey {
    /// Writes the key.
    ///
    /// # Errors
    /// [`PathError::TooLong`] where it has more than 1,024 bytes.
    pub fn encode(&self) -> Result<EncodedKey, PathError> {
        let key = match self {
            Self::Upload(path) => format!("{UPLOADS}{path}"),
            Self::Incoming(grant) => format!("{INCOMING}{}/{}", grant.path, grant.encode_fields()),
        };
        if key.len() > MAX_KEY_BYTES {
            return Err(PathError::TooLong);
        }
        Ok(EncodedKey(key))
    }

    /// Reads a key; `None` for one that Satchel did not write.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        if let Some(path) = key.strip_prefix(UPLOADS) {
            return UploadPath::parse_decoded(path).ok().map(Self::Upload);
        }
        let (path, fields) = key.strip_prefix(INCOMING)?.rsplit_once('/')?;
        let grant = Grant::decode(UploadPath::parse_decoded(path).ok()?, fields)?;
        Some(Self::Incoming(Box::new(grant)))
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

    fn incoming(path: &str) -> ObjectKey {
        ObjectKey::Incoming(Box::new(Grant {
            path: UploadPath::parse_decoded(path).unwrap(),
            size: 7,
            content_type: ContentType::parse("image/png").unwrap(),
            expires: None,
            owner: None,
            id: UploadId::from_random([0; 9]),
        }))
    }

    #[test]
    fn keys_are_read_back_as_written() {
        let upload = ObjectKey::Upload(UploadPath::parse_decoded("a/b.c").unwrap());
        assert_eq!(upload.encode().unwrap().as_str(), "uploads/a/b.c");
        assert_eq!(incoming("a/b.c").encode().unwrap().as_str(), "incoming/a/b.c/1.AAAAAAAAAAAA.7...aW1hZ2UvcG5n");
        for key in [upload, incoming("a/b.c")] {
            assert_eq!(ObjectKey::parse(key.encode().unwrap().as_str()), Some(key));
        }
        for foreign in ["", "uploads/", "uploads/a//b", "incoming/a", "incoming/a/b", "other/a", "incoming//1.A.7..."] {
            assert_eq!(ObjectKey::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_key_has_at_most_1024_bytes() {
        let upload = |bytes: usize| ObjectKey::Upload(UploadPath::parse_decoded(&"a".repeat(bytes)).unwrap());
        assert!(upload(1016).encode().is_ok());
        assert_eq!(upload(1017).encode(), Err(PathError::TooLong));
        assert_eq!(incoming(&"a".repeat(1016)).encode(), Err(PathError::TooLong));
    }
}
