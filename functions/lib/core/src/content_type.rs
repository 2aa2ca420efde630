//! Content types: the one stored with an object, and the candidates a MAC may have been made over.

mod aliases;
mod spellings;
mod token;

use token::is_token;

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
    /// Reads a type as a header or token names it. An empty one, one that is no media type at all, and one that says
    /// nothing becomes `application/octet-stream`: browsers make something of `image/png,text/html` and of `*/*`, and
    /// what they make of it runs scripts.
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
        Ok(Self(if is_media_type(content_type) { content_type } else { OCTET_STREAM }.to_owned()))
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

/// `type/subtype`, then nothing or parameters (RFC 9110, section 8.3.1), without a comma outside quotes.
fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let (mut quoted, mut escaped) = (false, false);
    let listed = parameters.bytes().any(|byte| {
        let toggles = byte == b'"' && !escaped;
        escaped = quoted && byte == b'\\' && !escaped;
        quoted ^= toggles;
        byte == b',' && !quoted
    });
    let essence = essence.trim_end();
    !listed && !quoted && !is_sniffed(essence) && is_pair(essence, is_token)
}

/// `type/subtype`, each as `is_part` wants it.
fn is_pair(essence: &str, is_part: impl Fn(&str) -> bool) -> bool {
    essence.split_once('/').is_some_and(|(kind, sub)| is_part(kind) && is_part(sub))
}

/// Types of which browsers take the bytes' word (WHATWG, "MIME Sniffing", section 7), and whatever else a pattern is:
/// no type is registered with a `*` in it (RFC 6838, section 4.2).
fn is_sniffed(essence: &str) -> bool {
    let unknown = ["unknown/unknown", "application/unknown"];
    essence.contains('*') || unknown.iter().any(|known| essence.eq_ignore_ascii_case(known))
}

/// Whether a text is a type that a list of types may name: `type/subtype`, without parameters.
#[must_use]
pub fn is_essence(text: &str) -> bool {
    !is_sniffed(text) && is_pair(text, is_token)
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
/// nothing (Converse.js names an empty one), what the extension suggests (Movim, Kaidan and
/// others send no header with their PUT), other spellings of the header, and what else clients have
/// for the extension.
#[must_use]
pub fn signed_candidates(header: Option<&str>, file_name: &str) -> Vec<String> {
    let header = header.unwrap_or_default();
    let mut candidates: Vec<String> = Vec::with_capacity(16);
    let mut consider = |candidate: &str| {
        if !candidates.iter().any(|known| known == candidate) {
            candidates.push(candidate.to_owned());
        }
    };
    [header, without_parameters(header)].into_iter().filter(|named| !named.is_empty()).for_each(&mut consider);
    [OCTET_STREAM, ""].into_iter().chain(guesses(file_name)).for_each(&mut consider);
    if !header.is_empty() {
        spellings::spellings(header).iter().for_each(|spelling| consider(spelling));
    }
    aliases::of(extension(file_name)).for_each(&mut consider);
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
    mime_guess::from_ext(extension(file_name)).iter_raw()
}

fn extension(file_name: &str) -> &str {
    file_name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_come_in_the_order_of_likelihood_and_once_each() {
        let candidates = signed_candidates(Some("text/plain; charset=utf-8"), "note.txt");
        assert_eq!(candidates[..4], ["text/plain; charset=utf-8", "text/plain", OCTET_STREAM, ""]);
        assert!(candidates[4..].contains(&"text/plain;charset=utf-8".to_owned()), "{candidates:?}");
        for name in ["note.txt", "a.ogg"] {
            let candidates = signed_candidates(Some("audio/ogg;codecs=opus"), name);
            let mut once = candidates.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), candidates.len(), "{candidates:?}");
        }
        assert_eq!(signed_candidates(None, "pic.JPG"), [OCTET_STREAM, "", "image/jpeg", "image/jpg", "image/pjpeg"]);
        assert_eq!(signed_candidates(Some(OCTET_STREAM), "blob"), [OCTET_STREAM, ""]);
    }

    #[test]
    fn what_clients_call_a_file_is_among_the_candidates() {
        for (name, signed) in [
            ("a.m4a", "audio/mp4"),
            ("a.M4A", "audio/x-m4a"),
            ("a.ogg", "application/ogg"),
            ("a.ogg", "audio/ogg; codecs=opus"),
            ("a.opus", "audio/opus"),
            ("a.mp3", "audio/mp3"),
            ("a.mp3", "audio/mpeg"),
            ("a.wav", "audio/x-wav"),
            ("a.amr", "audio/amr"),
            ("a.vcf", "text/x-vcard"),
            ("a.mkv", "video/x-matroska"),
            ("a.tar.gz", "application/x-compressed-tar"),
            ("a.tar.gz", "application/gzip"),
        ] {
            let candidates = signed_candidates(None, name);
            assert!(candidates.iter().any(|candidate| candidate == signed), "{name} {signed}: {candidates:?}");
        }
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
    fn what_is_no_media_type_is_stored_as_an_octet_stream() {
        for kept in
            ["image/png", "text/plain; charset=utf-8", "video/mp4;codecs=\"a, b\"", "image/svg+xml", "a/b;c=\"\\\",\""]
        {
            assert_eq!(ContentType::parse(kept).unwrap().as_str(), kept);
        }
        for replaced in [
            "",
            "png",
            "image/",
            "/png",
            "image/png,text/html",
            "image/png;,text/html",
            "image/png;a=b,text/html",
            "video/x,image/svg+xml",
            "image/png text/html",
            "a/b/c",
            "image/png;a=\"",
            "image/png;a=\"\",text/html",
            "*/*",
            "*/*;a=b",
            "image/*",
            "text/ht*ml",
            "unknown/unknown",
            "Application/Unknown ; charset=x",
        ] {
            assert_eq!(ContentType::parse(replaced).unwrap().as_str(), OCTET_STREAM, "{replaced}");
        }
    }

    #[test]
    fn a_type_of_255_bytes_is_taken_and_one_more_is_not() {
        assert_eq!(ContentType::parse(&format!("a/{}", "b".repeat(253))).unwrap().as_str().len(), 255);
        assert_eq!(ContentType::parse(&"a".repeat(256)), Err(ContentTypeError::TooLong));
        assert_eq!(ContentType::parse("text/plain\r\nX: y"), Err(ContentTypeError::NotPrintable));
        assert_eq!(ContentType::parse("").unwrap().as_str(), OCTET_STREAM);
    }
}
