//! Rosters that earlier versions kept under names as those prepared them, by PRECIS (RFC 8265) or to the letter: `straße`,
//! which XMPP servers call `strasse`. Several of them may be one user's. They are read where the server's name has no roster,
//! and become one under that name with its first edit.

use std::collections::{BTreeMap, BTreeSet};

use satchel_core::{
    jid::prep::nodeprep,
    object_key::{Key, Shelf},
};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::{
    document::Roster,
    username::{self, Username},
};

/// What the list is kept as, among the rosters, where functions may read and write. No username is encoded with a slash in it.
const LIST: &str = "former/names";

/// What letters other than one of ASCII may become: `ß`, ligatures, digraphs.
const SEVERAL_FROM_ONE: [&str; 9] = ["dz", "ff", "fi", "fl", "ij", "lj", "nj", "ss", "st"];

/// A name that an earlier version kept a roster under, and that is no user's any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormerName(String);

/// All of them there are, by the name that servers have for the user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerNames {
    /// Told from a list that nobody has made yet.
    complete: bool,
    names: BTreeMap<Username, BTreeSet<FormerName>>,
}

impl FormerName {
    /// Where an earlier version kept this roster.
    #[must_use]
    pub fn key(&self) -> Key {
        username::key_of(&self.0)
    }
}

impl FormerNames {
    /// What the keys of rosters begin with.
    pub const PREFIX: &str = Shelf::Rosters.prefix();

    /// Where the list is kept.
    #[must_use]
    pub fn key() -> Key {
        Key::of_document(Shelf::Rosters, LIST)
    }

    /// Finds them among the keys of all rosters.
    pub fn among<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for name in keys.into_iter().filter_map(username::name_in) {
            if let Some(username) = Username::parse(&name).ok().filter(|username| username.as_str() != name) {
                names.entry(username).or_default().insert(FormerName(name));
            }
        }
        Self { complete: true, names }
    }

    /// Whether somebody has made this list.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// This user's.
    pub fn of(&self, username: &Username) -> impl Iterator<Item = &FormerName> {
        self.names.get(username).into_iter().flatten()
    }
}

/// Whether the list may have this user. It leaves out who could only be there under a look-alike of an ASCII letter or digit
/// (`ª`, `²`): otherwise whoever has no roster would be looked for in it.
#[must_use]
pub fn may_be_listed(username: &Username) -> bool {
    let name = username.as_str();
    !name.is_ascii() || SEVERAL_FROM_ONE.iter().any(|several| name.contains(several))
}

/// The name that PRECIS made of one with capital letters of which nodeprep knows no small ones, as they came after Unicode 3.2:
/// the palochka of `магӀмед`, Cherokee.
#[must_use]
pub fn in_small_letters(username: &Username) -> Option<FormerName> {
    let name: String = username.as_str().to_lowercase().nfc().collect();
    let is_other = name != username.as_str() && nodeprep(&name).as_ref() == Some(&name);
    (is_other && !username.as_str().is_ascii()).then_some(FormerName(name))
}

/// Rosters of several former names as the one that they are now: of what they say about the same, the first counts.
#[must_use]
pub fn as_one(rosters: impl IntoIterator<Item = Roster>) -> Roster {
    rosters.into_iter().reduce(Roster::with).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(name: &str) -> Username {
        Username::parse(name).unwrap()
    }

    fn of(names: &FormerNames, name: &str) -> Vec<String> {
        names.of(&user(name)).map(|name| name.key().as_str().to_owned()).collect()
    }

    #[test]
    fn keys_that_no_user_has_any_more_are_found() {
        let list = FormerNames::key();
        let keys = [
            "rosters/john",
            "rosters/stra%C3%9Fe",
            "rosters/strasse",
            "rosters/%EF%AC%81",
            "rosters/a%20B",
            "rosters/gross",
            "rosters/gro%C3%9F",
            "rosters/gro%EF%AC%86",
            "rosters/%E1%BA%9Eo%C3%9F",
            "rosters/not%zz",
            list.as_str(),
            "groups/stra%C3%9Fe",
        ];
        let names = FormerNames::among(keys);
        assert_eq!(of(&names, "strasse"), ["rosters/stra%C3%9Fe"]);
        assert_eq!(of(&names, "straße"), ["rosters/stra%C3%9Fe"]);
        assert_eq!(of(&names, "fi"), ["rosters/%EF%AC%81"]);
        assert_eq!(of(&names, "gross"), ["rosters/gro%C3%9F"]);
        assert_eq!(of(&names, "grost"), ["rosters/gro%EF%AC%86"]);
        for others in ["john", "a B", "s"] {
            assert_eq!(of(&names, others), Vec::<String>::new(), "{others}");
        }
        let stored = serde_json::to_string(&names).unwrap();
        assert_eq!(serde_json::from_str::<FormerNames>(&stored).unwrap(), names);
        assert!(names.is_complete() && !FormerNames::default().is_complete());
        assert!(FormerNames::among([]) != FormerNames::default(), "an empty list is one, too");
        let by_hand = serde_json::from_str::<FormerNames>(r#"{"complete":true,"names":{}}"#).unwrap();
        assert_eq!(by_hand, FormerNames::among([]), "as README has it");
    }

    #[test]
    fn whoever_has_no_letter_that_could_come_from_another_is_not_looked_for() {
        for (name, may) in [
            ("john", false),
            ("user2", false),
            ("a%b", false),
            ("strasse", true),
            ("fi", true),
            ("οδοσ", true),
            ("josé", true),
            ("stefan", true),
        ] {
            assert_eq!(may_be_listed(&user(name)), may, "{name}");
        }
        let letters = ('\u{80}'..=char::MAX).filter(|character| character.is_alphabetic() && !character.is_numeric());
        for prepared in letters.filter_map(|letter| nodeprep(&letter.to_string())) {
            let one = prepared.chars().count() == 1;
            assert!(one || may_be_listed(&Username::from(prepared.clone())), "{prepared}");
        }
    }

    #[test]
    fn capital_letters_of_later_times_had_small_ones() {
        let small = |name| in_small_letters(&user(name)).map(|former| former.key());
        assert_eq!(small("маг\u{4c0}мед"), Some(username::key_of("маг\u{4cf}мед")));
        assert_eq!(small("\u{13a0}"), Some(username::key_of("\u{ab70}")));
        for none in ["john", "strasse", "josé", "A b", "stra\u{1e9e}e"] {
            assert_eq!(small(none), None, "{none}");
        }
    }

    #[test]
    fn rosters_become_one_and_nothing_is_lost() {
        let roster = |stored| serde_json::from_value::<Roster>(stored).unwrap();
        let first = roster(json!({
            "contacts": {"a@x": {"name": "A"}, "b@x": {"groups": ["F"]}},
            "shared": {"T": {"version": 2, "members": {"c@x": {}}}, "U": {"version": 1}},
            "changed": ["a@x"],
        }));
        let second = roster(json!({
            "contacts": {"a@x": {"name": "Other", "groups": ["G"]}, "d@x": {}},
            "shared": {"T": {"version": 1, "members": {"e@x": {}}}, "U": {"version": 3, "members": {"f@x": {}}}},
            "changed": ["b@x"],
            "hidden": {"until": 5, "contacts": ["d@x"]},
        }));
        let both = roster(json!({
            "contacts": {"a@x": {"name": "A", "groups": ["G"]}, "b@x": {"groups": ["F"]}, "d@x": {}},
            "shared": {"T": {"version": 2, "members": {"c@x": {}}}, "U": {"version": 3, "members": {"f@x": {}}}},
            "changed": ["a@x", "b@x"],
            "hidden": {"until": 5, "contacts": ["d@x"]},
        }));
        assert_eq!(as_one([first.clone(), second]), both);
        assert_eq!(as_one([first.clone()]), first);
        assert_eq!(as_one([]), Roster::default());
    }
}
