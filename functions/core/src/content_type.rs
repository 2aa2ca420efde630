//! Content types: the one stored with an object, and the candidates a MAC may have been made over.

/// The type of files nothing is known about (RFC 2046, section 4.5.1).
pub const OCTET_STREAM: &str = "application/octet-stream";

/// The longest Content-Type header taken, in bytes.
pub const MAX_CONTENT_TYPE_BYTES: usize = 255;

/// A type that can be stored and served: printable ASCII, never empty, at most 255 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType(String);

/// A type that no header can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentTypeError {
    /// Longer than 255 bytes.
    #[error("the content type is longer than 255 bytes")]
    TooLong,
    /// Something other than printable ASCII.
    #[error("the content type has characters other than printable ASCII")]
    NotPrintable,
}

impl ContentType {
    /// Reads a type as a header or token names it; an empty one becomes `application/octet-stream`.
    ///
    /// # Errors
    /// See [`ContentTypeError`].
    pub fn parse(content_type: &str) -> Result<Self, ContentTypeError> {
        let content_type = content_type.trim();
        if content_type.len() > MAX_CONTENT_TYPE_BYTES {
            return Err(ContentTypeError::TooLong);
        }
        if !content_type.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(ContentTypeError::NotPrintable);
        }
        let content_type = if content_type.is_empty() { OCTET_STREAM } else { content_type };
        Ok(Self(content_type.to_owned()))
    }

    /// The type with its parameters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `type/subtype` in lower case, without parameters.
    #[must_use]
    pub fn essence(&self) -> String {
        without_parameters(&self.0).to_ascii_lowercase()
    }
}

impl Default for ContentType {
    /// `application/octet-stream`.
    fn default() -> Self {
        Self(OCTET_STREAM.to_owned())
    }
}

fn without_parameters(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// The types a v2 or Metronome MAC may have been made over, most likely first, each once: the header
/// as sent, the header without parameters, `application/octet-stream` (the slot request named none),
/// nothing (Converse.js names an empty one), and what the extension suggests (Movim, Kaidan and
/// others send no header with their PUT).
#[must_use]
pub fn signed_candidates(header: Option<&str>, file_name: &str) -> Vec<String> {
    let header = header.unwrap_or_default();
    let mut candidates: Vec<String> = Vec::with_capacity(5);
    let mut consider = |candidate: &str| {
        if !candidates.iter().any(|known| known == candidate) {
            candidates.push(candidate.to_owned());
        }
    };
    [header, without_parameters(header)].into_iter().filter(|named| !named.is_empty()).for_each(&mut consider);
    [OCTET_STREAM, ""].into_iter().chain(guesses(file_name)).for_each(&mut consider);
    candidates
}

/// The type to store where the token does not say: the header's, else the extension's.
///
/// # Errors
/// See [`ContentTypeError`].
pub fn unsigned_type(header: Option<&str>, file_name: &str) -> Result<ContentType, ContentTypeError> {
    let guess = || guesses(file_name).next().unwrap_or_default();
    ContentType::parse(header.filter(|named| !named.trim().is_empty()).unwrap_or_else(guess))
}

fn guesses(file_name: &str) -> impl Iterator<Item = &'static str> {
    let extension = file_name.rsplit_once('.').map_or("", |(_, extension)| extension);
    mime_guess::from_ext(extension).iter_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_come_in_the_order_of_likelihood_and_once_each() {
        assert_eq!(
            signed_candidates(Some("text/plain; charset=utf-8"), "note.txt"),
            ["text/plain; charset=utf-8", "text/plain", OCTET_STREAM, ""]
        );
        assert_eq!(signed_candidates(None, "pic.JPG"), [OCTET_STREAM, "", "image/jpeg"]);
        assert_eq!(signed_candidates(Some(OCTET_STREAM), "blob"), [OCTET_STREAM, ""]);
    }

    #[test]
    fn an_unsigned_type_comes_from_the_header_else_the_extension() {
        let stored = |header, name| unsigned_type(header, name).unwrap().as_str().to_owned();
        assert_eq!(stored(Some("image/png"), "a.jpg"), "image/png");
        assert_eq!(stored(None, "a.jpg"), "image/jpeg");
        assert_eq!(stored(Some(""), "a.jpg"), "image/jpeg");
        assert_eq!(stored(None, "a"), OCTET_STREAM);
    }

    #[test]
    fn a_type_of_255_bytes_is_taken_and_one_more_is_not() {
        assert!(ContentType::parse(&"a".repeat(255)).is_ok());
        assert_eq!(ContentType::parse(&"a".repeat(256)), Err(ContentTypeError::TooLong));
        assert_eq!(ContentType::parse("text/plain\r\nX: y"), Err(ContentTypeError::NotPrintable));
        assert_eq!(ContentType::parse("").unwrap().as_str(), OCTET_STREAM);
    }
}
