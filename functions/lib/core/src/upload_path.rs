//! The path of an upload below the deployment's base: strict to parse, total to encode.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::purpose::Purpose;

/// An S3 key is at most 1,024 bytes of UTF-8 (AWS: "Naming Amazon S3 objects").
pub const MAX_KEY_BYTES: usize = 1_024;

/// RFC 3986's unreserved characters stay; `/` separates segments; all else is escaped, so that every
/// S3-compatible store computes the same canonical request.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Percent-encodes a key or path for a URL, leaving `/` as it is.
#[must_use]
pub fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, ESCAPED).to_string()
}

/// A decoded, checked path such as `uuid/file name.jpg`: at least one segment, none of them empty,
/// `.` or `..`, no control characters, no slash within a segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadPath(String);

/// Why a path is refused. All are the client's mistake (400).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Two slashes in a row, or one at the start or the end.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// `.` or `..`, also between backslashes.
    #[error("the path has a '.' or '..' segment")]
    DotSegment,
    /// NUL or another control character, or U+FFFE or U+FFFF, which XML cannot carry: a listing with one in it, which
    /// S3 gives as XML, could not be read.
    #[error("the path has a control character")]
    ControlCharacter,
    /// `%2F` would be a second way to write another path.
    #[error("the path has an encoded slash")]
    EncodedSlash,
    /// A `%` that two hex digits do not follow, or bytes that are not UTF-8.
    #[error("the path is not percent-encoded UTF-8")]
    Encoding,
    /// The object key made of it has more than 1,024 bytes.
    #[error("the path is longer than an object key may be (1,024 bytes)")]
    TooLong,
}

impl UploadPath {
    /// Reads a path as it came over the wire, decoding each segment exactly once.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn parse_encoded(raw: &str) -> Result<Self, PathError> {
        let segments: Vec<String> = raw.split('/').map(decode).collect::<Result<_, _>>()?;
        Self::from_segments(segments.iter().map(String::as_str))
    }

    /// Reads a path that something before us has decoded already (HTTP APIs do).
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn parse_decoded(path: &str) -> Result<Self, PathError> {
        Self::from_segments(path.split('/'))
    }

    /// Puts decoded segments together.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn from_segments<'a>(segments: impl IntoIterator<Item = &'a str>) -> Result<Self, PathError> {
        let mut path = String::new();
        for (position, segment) in segments.into_iter().enumerate() {
            check(segment)?;
            if position > 0 {
                path.push('/');
            }
            path.push_str(segment);
        }
        if path.is_empty() {
            return Err(PathError::EmptySegment);
        }
        let path = Self(path);
        if path.purpose().key_prefix().len() + path.0.len() > MAX_KEY_BYTES {
            return Err(PathError::TooLong);
        }
        Ok(path)
    }

    /// The decoded path, segments joined by `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The decoded segments, at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The first segment: the slot of mod_http_file_share.
    #[must_use]
    pub fn slot(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// The path without its last segment, and that; `None` where it is the only one.
    #[must_use]
    pub fn split_last(&self) -> Option<(Self, &str)> {
        let (path, last) = self.0.rsplit_once('/')?;
        Some((Self(path.to_owned()), last))
    }

    /// The path that ejabberd signs: with `@HOST@` in its `put_url` it puts the user's host before
    /// `<SHA-1 of the JID>/<random>/<name>`, and signs what comes after. The SHA-1 says whose file it is, whatever the
    /// host, so that one token never writes more than one key.
    #[must_use]
    pub fn without_host(self) -> Self {
        const SHA1_DIGITS: usize = 40;
        let is_sha1 = |text: &str| text.len() == SHA1_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match self.0.split_once('/') {
            Some((_, signed)) if signed.split('/').count() == 3 && signed.split('/').next().is_some_and(is_sha1) => {
                Self(signed.to_owned())
            }
            _ => self,
        }
    }

    /// What the file is for, which the slot tells.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        Purpose::of_slot(self.slot())
    }

    /// The last segment: the name of the file.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for UploadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn decode(segment: &str) -> Result<String, PathError> {
    if !escapes_are_complete(segment) {
        return Err(PathError::Encoding);
    }
    let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| PathError::Encoding)?;
    Ok(decoded.into_owned())
}

/// Whether two hexadecimal digits follow every percent sign (RFC 3986, section 2.1).
pub(crate) fn escapes_are_complete(segment: &str) -> bool {
    segment.split('%').skip(1).all(|after| {
        let digits = after.as_bytes();
        digits.len() >= 2 && digits[0].is_ascii_hexdigit() && digits[1].is_ascii_hexdigit()
    })
}

fn check(segment: &str) -> Result<(), PathError> {
    if segment.is_empty() {
        return Err(PathError::EmptySegment);
    }
    if segment.contains('/') {
        return Err(PathError::EncodedSlash);
    }
    if segment.chars().any(|character| character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}')) {
        return Err(PathError::ControlCharacter);
    }
    // A backslash is a legal character of a file name, but some clients and proxies take it for a
    // slash: `..\` must not become a way up for them.
    if segment.split('\\').any(|part| part == "." || part == "..") {
        return Err(PathError::DotSegment);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_decoded_exactly_once() {
        for (raw, decoded) in [
            ("foo/bar.jpg", "foo/bar.jpg"),
            ("u/tr%c3%a8s%20cool.jpg", "u/très cool.jpg"),
            ("u/tr%C3%A8s%20cool.jpg", "u/très cool.jpg"),
            ("u/a%20b%2bc%2520.txt", "u/a b+c%20.txt"),
            ("u/a+b.txt", "u/a+b.txt"),
            ("u/%252e%252e", "u/%2e%2e"),
            ("u/%252f", "u/%2f"),
            ("u/...", "u/..."),
            ("u/a\\b", "u/a\\b"),
            ("u/%3f%23%26", "u/?#&"),
            ("u/%ef%bf%bd", "u/\u{fffd}"),
        ] {
            assert_eq!(UploadPath::parse_encoded(raw).unwrap().as_str(), decoded, "{raw}");
        }
    }

    #[test]
    fn hostile_paths_are_refused_with_their_cause() {
        use PathError::*;
        for (raw, cause) in [
            ("", EmptySegment),
            ("/a", EmptySegment),
            ("a/", EmptySegment),
            ("a//b", EmptySegment),
            ("a/..", DotSegment),
            ("a/../b", DotSegment),
            ("a/%2e%2E/b", DotSegment),
            ("a/.%2e", DotSegment),
            ("./a", DotSegment),
            ("a/..%5cb", DotSegment),
            ("a/%5c..", DotSegment),
            ("a/..\\..\\b", DotSegment),
            ("a/%2fb", EncodedSlash),
            ("a/..%2fb", EncodedSlash),
            ("a/%00", ControlCharacter),
            ("a/b%0d%0ac", ControlCharacter),
            ("a/%7f", ControlCharacter),
            ("a/%c2%85", ControlCharacter),
            ("a/%ef%bf%be", ControlCharacter),
            ("a/%ef%bf%bf", ControlCharacter),
            ("a/%e8", Encoding),
            ("a/100%", Encoding),
            ("a/%zz", Encoding),
            ("a/%4", Encoding),
            ("a/%4z", Encoding),
            ("a/%z4", Encoding),
        ] {
            assert_eq!(UploadPath::parse_encoded(raw), Err(cause), "{raw}");
        }
        assert_eq!(UploadPath::parse_encoded(&"a".repeat(1_017)), Err(TooLong));
        assert!(UploadPath::parse_encoded(&"a".repeat(1_016)).is_ok());
    }

    #[test]
    fn a_path_is_slot_and_name_and_what_is_between() {
        for (raw, slot, before, name) in [
            ("a", "a", None, "a"),
            ("a/b.c", "a", Some("a"), "b.c"),
            ("a.profile/b/c d", "a.profile", Some("a.profile/b"), "c d"),
        ] {
            let path = UploadPath::parse_decoded(raw).unwrap();
            assert_eq!((path.slot(), path.file_name(), path.to_string().as_str()), (slot, name, raw));
            assert_eq!(path.segments().collect::<Vec<_>>().join("/"), raw);
            let split = path.split_last().map(|(before, last)| (before.to_string(), last));
            assert_eq!(split, before.map(|before| (before.to_owned(), name)));
        }
        assert_eq!(UploadPath::parse_decoded("a.profile/b").unwrap().purpose(), Purpose::Profile);
        assert_eq!(UploadPath::parse_decoded("a/b.profile").unwrap().purpose(), Purpose::Message);
        assert_eq!(UploadPath::from_segments([]), Err(PathError::EmptySegment));
    }

    #[test]
    fn all_but_unreserved_characters_and_slashes_are_escaped() {
        assert_eq!(encode_path("aZ09-._~/b c+è%"), "aZ09-._~/b%20c%2B%C3%A8%25");
    }

    #[test]
    fn a_decoded_path_is_taken_to_the_letter() {
        assert_eq!(UploadPath::parse_decoded("u/100%.txt").unwrap().as_str(), "u/100%.txt");
        assert_eq!(UploadPath::parse_decoded("u/../x"), Err(PathError::DotSegment));
    }

    proptest! {
        #[test]
        fn encoding_then_parsing_gives_the_path_back(segments in prop::collection::vec("\\PC{1,20}", 1..4)) {
            if let Ok(path) = UploadPath::from_segments(segments.iter().map(String::as_str)) {
                prop_assert_eq!(UploadPath::parse_encoded(&encode_path(path.as_str())), Ok(path));
            }
        }

        #[test]
        fn no_input_panics_or_climbs(raw in ".*") {
            if let Ok(path) = UploadPath::parse_encoded(&raw) {
                prop_assert!(path.segments().all(|segment| !["", ".", ".."].contains(&segment)));
            }
        }
    }
}
