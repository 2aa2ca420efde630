//! A contact's name and groups, and reading rosters that somebody sends.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use satchel_core::{
    jid::{BareJid, JidError},
    xml::is_xml_char,
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::once::Said;

/// Contacts of a roster, at most.
pub const MAX_CONTACTS: usize = 5_000;
/// Bytes of a contact's name or of a group's.
pub const MAX_NAME_BYTES: usize = 1_023;
/// Groups of one contact.
pub const MAX_GROUPS: usize = 100;

/// What a roster says of a contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// What the user calls them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which of the user's groups they are in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// Its key is no address.
    #[error(transparent)]
    Jid(#[from] JidError),
    /// The same address twice, perhaps in two spellings.
    #[error("the same address comes twice")]
    Twice,
    /// Not an object.
    #[error("it is not an object such as {{\"name\": \"Marie\", \"groups\": [\"Friends\"]}}")]
    Form,
    /// A field that means nothing here.
    #[error("it has a field '{0}'; there are 'name' and 'groups'")]
    Field(String),
    /// A name that is no name.
    #[error("its name {0}")]
    Name(#[source] TextProblem),
    /// Groups that are neither an array of names nor an object of them.
    #[error("its groups are neither an array of names nor an object such as {{\"Friends\": true}}")]
    Groups,
    /// A group's name that is none.
    #[error("one of its groups {0}")]
    Group(#[source] TextProblem),
    /// More groups than there may be.
    #[error("it has more than 100 groups")]
    TooManyGroups,
}

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// Not a string.
    #[error("is not a string")]
    Type,
    /// RFC 6121, section 2.3.3: a group without characters is not acceptable.
    #[error("is empty")]
    Empty,
    /// XML cannot hold it, and a client's stream would break.
    #[error("has a control character")]
    Character,
    /// More bytes than there may be.
    #[error("is longer than 1,023 bytes")]
    TooLong,
}

/// Why a body is no roster, contact or group. The offending entry is named.
#[derive(Debug, thiserror::Error)]
pub enum EntriesError {
    /// No JSON.
    #[error("the body is not JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// Another kind of JSON.
    #[error("the body is not a JSON object of addresses; each holds an object with 'name' and 'groups'")]
    Form,
    /// One entry is wrong.
    #[error("the entry '{}' is refused: {problem}", shortened(entry))]
    Entry {
        /// Its key as it was sent.
        entry: String,
        /// What is wrong.
        problem: EntryProblem,
    },
    /// The one contact in the body is wrong.
    #[error("the contact is refused: {0}")]
    Contact(#[source] EntryProblem),
    /// More entries than there may be.
    #[error("there are {entries} entries, {limit} at most are taken; the first too many is '{}'", shortened(first))]
    TooMany {
        /// How many were sent.
        entries: usize,
        /// How many may be.
        limit: usize,
        /// The first one over the limit.
        first: String,
    },
}

impl EntriesError {
    /// Stable, for logs and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json(_) | Self::Form => "json_malformed",
            Self::Entry { .. } | Self::Contact(_) => "entry_malformed",
            Self::TooMany { .. } => "too_many_entries",
        }
    }
}

/// So that a message stays one.
fn shortened(entry: &str) -> String {
    const LIMIT: usize = 100;
    let short: String = entry.chars().take(LIMIT).collect();
    if short.len() < entry.len() { short + "..." } else { short }
}

/// Reads one contact: `{name?, groups?}`.
///
/// # Errors
/// See [`EntriesError`].
pub fn contact(body: &[u8]) -> Result<Contact, EntriesError> {
    let value: Value = serde_json::from_slice(body).map_err(EntriesError::Json)?;
    Contact::read(&value).map_err(EntriesError::Contact)
}

/// Reads a whole roster: `{jid: {name?, groups?}}`.
///
/// # Errors
/// See [`EntriesError`].
pub fn contacts(body: &[u8]) -> Result<BTreeMap<BareJid, Contact>, EntriesError> {
    let pairs: Pairs = serde_json::from_slice(body).map_err(not_pairs)?;
    entries(pairs.0, MAX_CONTACTS, Contact::read)
}

/// Reads pairs of address and value, each address once.
pub(super) fn entries<T>(
    pairs: Vec<(String, Value)>,
    limit: usize,
    read: impl Fn(&Value) -> Result<T, EntryProblem>,
) -> Result<BTreeMap<BareJid, T>, EntriesError> {
    if let Some((first, _)) = pairs.get(limit) {
        return Err(EntriesError::TooMany { entries: pairs.len(), limit, first: first.clone() });
    }
    let mut entries = BTreeMap::new();
    for (entry, value) in pairs {
        let taken = BareJid::parse(&entry).map_err(EntryProblem::from).and_then(|jid| Ok((jid, read(&value)?)));
        match taken {
            Ok((jid, value)) if !entries.contains_key(&jid) => entries.insert(jid, value),
            Ok(_) => return Err(EntriesError::Entry { entry, problem: EntryProblem::Twice }),
            Err(problem) => return Err(EntriesError::Entry { entry, problem }),
        };
    }
    Ok(entries)
}

/// Tells a body that is no JSON from one that is no object.
pub(super) fn not_pairs(error: serde_json::Error) -> EntriesError {
    if error.is_data() { EntriesError::Form } else { EntriesError::Json(error) }
}

impl Contact {
    fn read(value: &Value) -> Result<Self, EntryProblem> {
        let fields = value.as_object().ok_or(EntryProblem::Form)?;
        let stray = fields.keys().find(|field| !["name", "groups"].contains(&field.as_str()));
        if let Some(stray) = stray {
            return Err(EntryProblem::Field(shortened(stray)));
        }
        let name = fields.get("name").map_or(Ok(None), name)?;
        let groups = fields.get("groups").map_or(Ok(BTreeSet::new()), groups)?;
        Ok(Self { name, groups })
    }
}

/// Absent, null and empty are the same: no name.
pub(super) fn name(value: &Value) -> Result<Option<String>, EntryProblem> {
    match value {
        Value::Null => Ok(None),
        Value::String(name) if name.is_empty() => Ok(None),
        value => text(value).map(|name| Some(name.to_owned())).map_err(EntryProblem::Name),
    }
}

/// `["Friends"]` or `{"Friends": true}`; null is none.
fn groups(value: &Value) -> Result<BTreeSet<String>, EntryProblem> {
    let group = |value: &Value| text(value).map(str::to_owned).map_err(EntryProblem::Group);
    let groups: BTreeSet<String> = match value {
        Value::Null => BTreeSet::new(),
        Value::Array(names) => names.iter().map(group).collect::<Result<_, _>>()?,
        Value::Object(names) if names.values().all(|is_member| *is_member == Value::Bool(true)) => {
            names.keys().map(|name| group(&Value::String(name.clone()))).collect::<Result<_, _>>()?
        }
        _ => return Err(EntryProblem::Groups),
    };
    if groups.len() > MAX_GROUPS { Err(EntryProblem::TooManyGroups) } else { Ok(groups) }
}

fn text(value: &Value) -> Result<&str, TextProblem> {
    let text = value.as_str().ok_or(TextProblem::Type)?;
    check_text(text).map(|()| text)
}

/// Whether a text can be the name of a contact or group.
pub(super) fn check_text(text: &str) -> Result<(), TextProblem> {
    if text.is_empty() {
        return Err(TextProblem::Empty);
    }
    if text.chars().any(|character| character.is_control() || !is_xml_char(character)) {
        return Err(TextProblem::Character);
    }
    if text.len() > MAX_NAME_BYTES { Err(TextProblem::TooLong) } else { Ok(()) }
}

/// A JSON object with all its keys, also those that come twice.
pub(super) struct Pairs(pub(super) Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

impl Said for Contact {
    fn and(mut self, other: Self) -> Self {
        self.groups.extend(other.groups);
        Self { name: self.name.or(other.name), groups: self.groups }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<BTreeMap<BareJid, Contact>, String> {
        contacts(value.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn groups_come_as_array_or_object() {
        let both = read(&json!({
            "Marie@example.org": {"name": "Marie", "groups": ["Friends", "Work", "Friends"]},
            "michael@example.org": {"name": "Michael", "groups": {"Friends": true}},
            "example.org": {},
            "a@example.org": {"name": null, "groups": null},
            "b@example.org": {"name": "", "groups": {}},
        }))
        .unwrap();
        let marie = &both["marie@example.org"];
        assert_eq!(marie.name.as_deref(), Some("Marie"));
        assert!(marie.groups.iter().eq(["Friends", "Work"]));
        assert!(both["michael@example.org"].groups.iter().eq(["Friends"]));
        for plain in ["example.org", "a@example.org", "b@example.org"] {
            assert_eq!(both[plain], Contact::default(), "{plain}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_entry() {
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        let many: Vec<String> = (0..=MAX_GROUPS).map(|number| number.to_string()).collect();
        for (entry, value, part) in [
            ("marie", json!({"groups": ["a"], "subscription": "both"}), "'subscription'"),
            ("marie", json!("Marie"), "not an object"),
            ("marie", json!(null), "not an object"),
            ("marie", json!([]), "not an object"),
            ("marie", json!({"name": 5}), "its name is not a string"),
            ("marie", json!({"name": "a\u{7}"}), "its name has a control character"),
            ("marie", json!({"name": "\u{ffff}"}), "its name has a control character"),
            ("marie", json!({"name": long}), "its name is longer than 1,023 bytes"),
            ("marie", json!({"groups": "Friends"}), "neither an array"),
            ("marie", json!({"groups": 5}), "neither an array"),
            ("marie", json!({"groups": {"Friends": false}}), "neither an array"),
            ("marie", json!({"groups": {"Friends": "yes"}}), "neither an array"),
            ("marie", json!({"groups": [5]}), "groups is not a string"),
            ("marie", json!({"groups": [null]}), "groups is not a string"),
            ("marie", json!({"groups": [""]}), "groups is empty"),
            ("marie", json!({"groups": {"": true}}), "groups is empty"),
            ("marie", json!({"groups": ["a\n"]}), "groups has a control character"),
            ("marie", json!({"groups": [long]}), "groups is longer"),
            ("marie", json!({"groups": many}), "more than 100 groups"),
            ("marie@a/b", json!({}), "resource"),
            ("marie@@a", json!({}), "domain"),
            (" @a", json!({}), "localpart"),
            ("", json!({}), "domain"),
        ] {
            let error = read(&json!({"fine@example.org": {}, entry: value})).unwrap_err();
            assert!(error.contains(part) && error.contains(&format!("'{entry}'")), "{error} should say {part}");
        }
        assert!(read(&json!({"a": {"name": "x".repeat(MAX_NAME_BYTES), "groups": &many[1..]}})).is_ok());
    }

    #[test]
    fn two_spellings_of_one_contact_are_refused() {
        for body in ["{\"a@b\": {}, \"a@b\": {}}", "{\"a@b\": {}, \"A@B\": {\"name\": \"x\"}}"] {
            let error = contacts(body.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("twice"), "{error}");
            assert_eq!(error.code(), "entry_malformed");
        }
    }

    #[test]
    fn what_is_no_object_is_no_roster() {
        for body in ["", "{", "{\"a@b\"}", "{\"a@b\": {}", "\u{1}", "{} {}"] {
            assert!(matches!(contacts(body.as_bytes()), Err(EntriesError::Json(_))), "{body}");
            assert!(matches!(contact(body.as_bytes()), Err(EntriesError::Json(_))), "{body}");
        }
        for body in ["null", "[]", "5", "\"a\"", "true"] {
            assert!(matches!(contacts(body.as_bytes()), Err(EntriesError::Form)), "{body}");
            assert!(matches!(contact(body.as_bytes()), Err(EntriesError::Contact(EntryProblem::Form))), "{body}");
        }
        assert!(matches!(contacts(b"{\"a\": \"\xff\"}"), Err(EntriesError::Json(_))));
        assert!(contacts("[".repeat(100_000).as_bytes()).is_err());
        assert!(contacts(format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes()).is_err());
    }

    #[test]
    fn there_are_at_most_5000_entries() {
        let body = |count: usize| {
            let entries: Vec<String> = (0..count).map(|number| format!("\"u{number}@a\":{{}}")).collect();
            format!("{{{}}}", entries.join(","))
        };
        assert_eq!(contacts(body(5_000).as_bytes()).unwrap().len(), 5_000);
        let error = contacts(body(5_001).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("'u5000@a'"), "{error}");
        assert_eq!(error.code(), "too_many_entries");
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..100), text in any::<String>()) {
            let _ = (contacts(&body), contact(&body));
            if let Err(error) = read(&json!({text.clone(): {"name": text, "groups": [text]}})) {
                prop_assert!(error.chars().count() < 400);
            }
        }
    }
}
