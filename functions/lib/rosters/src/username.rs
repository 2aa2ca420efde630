//! The names that rosters are kept under: Prosody's usernames, as they come in paths and go into keys.

use std::{borrow::Cow, fmt};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use satchel_core::{
    jid::prep::nodeprep,
    object_key::{Key, Shelf},
    upload_path::MAX_KEY_BYTES,
    xml::is_xml_char,
};
use serde::{Deserialize, Serialize};

/// RFC 3986's unreserved characters stay.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A username, prepared as Prosody prepares it. What Prosody takes for no username it never asks for: that is taken to the
/// letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Username(String);

/// Why a text names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing.
    #[error("it is empty")]
    Empty,
    /// A control character.
    #[error("it has a control character")]
    ControlCharacter,
    /// No S3 key can hold it.
    #[error("it is too long: percent-encoded and with its prefix it may have 1,024 bytes")]
    TooLong,
}

impl Username {
    /// Takes a decoded name.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = prepared(text);
        check(&name, Shelf::Rosters)?;
        Ok(Self(name))
    }

    /// Reads the key of a roster; `None` for any other.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let name = name_in(key)?;
        Self::parse(&name).ok().filter(|username| username.0 == name)
    }

    /// The key of the roster: `rosters/<username>`, percent-encoded.
    #[must_use]
    pub fn key(&self) -> Key {
        key_of(&self.0)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A username that was stored, perhaps by an earlier version, which prepared it otherwise.
impl From<String> for Username {
    fn from(stored: String) -> Self {
        Self(prepared(&stored))
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn prepared(text: &str) -> String {
    nodeprep(text).unwrap_or_else(|| text.to_owned())
}

/// The key of the roster of this very name.
pub(super) fn key_of(name: &str) -> Key {
    Key::of_document(Shelf::Rosters, &encode(name))
}

/// The name in the key of a roster, whichever version has written it; `None` for any other key.
pub(super) fn name_in(key: &str) -> Option<String> {
    decode(key.strip_prefix(Shelf::Rosters.prefix())?)
}

/// Whether a name can be part of a key on this shelf, and stand in XML.
pub(super) fn check(name: &str, shelf: Shelf) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.chars().any(|character| character.is_control() || !is_xml_char(character)) {
        return Err(NameError::ControlCharacter);
    }
    if shelf.prefix().len() + encode(name).len() > MAX_KEY_BYTES { Err(NameError::TooLong) } else { Ok(()) }
}

/// A name as one segment of a key. `.` and `..` would be directions rather than names to some stores.
pub(super) fn encode(name: &str) -> String {
    if matches!(name, "." | "..") {
        return name.replace('.', "%2E");
    }
    utf8_percent_encode(name, ESCAPED).to_string()
}

/// The name that [`encode`] made a segment of; `None` for a segment that it did not make.
fn decode(segment: &str) -> Option<String> {
    let name = percent_decode_str(segment).decode_utf8().ok()?.into_owned();
    (encode(&name) == segment).then_some(name)
}

/// A name as it stands in a path, percent-encoded or not: mod_http_roster_admin puts it in as it is. It is decoded where
/// it is something that an encoder writes: whole escapes, of UTF-8, none of them of a character that needs none
/// (RFC 3986, section 2.3). So `%61dmin` is that very name, and no second way to write `admin`.
#[must_use]
pub fn from_path(raw: &str) -> Cow<'_, str> {
    let encoded = raw.split('%').skip(1).all(is_encoders_escape);
    match percent_decode_str(raw).decode_utf8() {
        Ok(decoded) if encoded => decoded,
        _ => Cow::Borrowed(raw),
    }
}

/// Whether what follows a `%` begins with two hex digits that do not stand for an unreserved character.
fn is_encoders_escape(after: &str) -> bool {
    let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.is_some_and(|byte| !byte.is_ascii_alphanumeric() && !b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_read_encoded_or_not() {
        for (raw, name) in [
            ("john", "john"),
            ("john.doe_1~2-3", "john.doe_1~2-3"),
            ("tr%C3%A8s", "très"),
            ("tr%c3%a8s", "très"),
            ("très", "très"),
            ("a%2Fb", "a/b"),
            ("a/b", "a/b"),
            ("a%40b", "a@b"),
            ("a@b", "a@b"),
            ("100%25", "100%"),
            ("100%", "100%"),
            ("100%2", "100%2"),
            ("a%25b", "a%b"),
            ("a%b", "a%b"),
            ("a%zz", "a%zz"),
            ("a+b", "a+b"),
            ("a%20b", "a b"),
            ("d%5C27art", "d\\27art"),
            ("d\\27art", "d\\27art"),
            ("%e8", "%e8"),
            ("%C3", "%C3"),
            // Nobody escapes these, so nobody gets at another's roster with them.
            ("%61dmin", "%61dmin"),
            ("admi%6E", "admi%6E"),
            ("%2E%2e", "%2E%2e"),
            ("tr%C3%A8%73", "tr%C3%A8%73"),
        ] {
            assert_eq!(from_path(raw), name, "{raw}");
        }
    }

    #[test]
    fn a_localpart_has_one_spelling_and_other_names_are_kept() {
        for (text, name) in [
            ("john", "john"),
            ("John", "john"),
            ("TRE\u{300}S", "très"),
            ("straße", "strasse"),
            ("\u{fb01}", "fi"),
            ("οδος", "οδοσ"),
            ("a\u{200c}b", "ab"),
            ("a/B", "a/B"),
            ("A@b", "A@b"),
            ("a b", "a b"),
            ("100%", "100%"),
            ("..", ".."),
        ] {
            assert_eq!(Username::parse(text).unwrap().as_str(), name, "{text}");
        }
        for (text, cause) in [
            ("", NameError::Empty),
            ("a\0", NameError::ControlCharacter),
            ("a\nb", NameError::ControlCharacter),
            ("\u{ffff}", NameError::ControlCharacter),
        ] {
            assert_eq!(Username::parse(text), Err(cause), "{text:?}");
        }
    }

    #[test]
    fn a_name_fits_into_a_key() {
        assert!(Username::parse(&"/".repeat(338)).is_ok());
        assert_eq!(Username::parse(&"/".repeat(339)), Err(NameError::TooLong));
        assert!(Username::parse(&"a".repeat(1_016)).is_ok());
        assert_eq!(Username::parse(&"a".repeat(1_017)), Err(NameError::TooLong));
    }

    #[test]
    fn a_key_is_read_back_as_written() {
        for name in ["john", "très", "a/b@c", "100%", "..", "A/b"] {
            let username = Username::parse(name).unwrap();
            assert_eq!(Username::of_key(username.key().as_str()), Some(username), "{name}");
        }
        assert_eq!(Username::parse("très/é").unwrap().key().as_str(), "rosters/tr%C3%A8s%2F%C3%A9");
        for foreign in
            ["", "rosters/", "rosters/John", "rosters/a/b", "rosters/%61", "rosters/%00", "groups/john", "john"]
        {
            assert_eq!(Username::of_key(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_segment_is_read_back_as_written() {
        for (name, segment) in [("john", "john"), ("très/@%", "tr%C3%A8s%2F%40%25"), ("..", "%2E%2E"), ("...", "...")]
        {
            assert_eq!(encode(name), segment);
            assert_eq!(decode(segment).as_deref(), Some(name));
        }
        for foreign in ["tr%c3%a8s", "%61", "a b", "%ff", "a/b", ".", ".."] {
            assert_eq!(decode(foreign), None, "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn every_encoded_name_is_read_as_itself(name in "\\PC{1,20}") {
            prop_assert_eq!(decode(&encode(&name)), Some(name.clone()));
            let segment = utf8_percent_encode(&name, ESCAPED).to_string();
            prop_assert_eq!(from_path(&segment), name.as_str());
        }

        #[test]
        fn a_name_stays_what_it_is(text in "\\PC{1,20}") {
            if let Ok(name) = Username::parse(&text) {
                prop_assert_eq!(Username::parse(name.as_str()), Ok(name));
            }
        }

        #[test]
        fn plain_names_have_no_second_spelling(name in "[a-z0-9._~-]{1,8}", raw in "[a-zA-Z0-9%._~-]{1,12}") {
            prop_assume!(raw != name);
            prop_assert_ne!(from_path(&raw), name);
        }
    }
}
