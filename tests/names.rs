//! Names are prepared as Prosody itself prepares them: `names/prosody.txt` has what its library answers, for every character
//! that it changes or refuses and for texts of several. tests/e2e/test_names.py compares that with the servers of two releases.

use std::collections::HashMap;

use satchel_core::jid::prep::{nameprep, nodeprep};

const TABLE: &str = include_str!("names/prosody.txt");

/// What a text becomes in nodeprep and in nameprep; `None` where it is refused.
type Prepared = [Option<String>; 2];

fn code_point(digits: &str) -> u32 {
    u32::from_str_radix(digits, 16).unwrap()
}

fn text(code_points: &str) -> String {
    code_points.split_whitespace().map(|digits| char::from_u32(code_point(digits)).unwrap()).collect()
}

/// Lines of the table: what was asked, and both answers.
fn lines() -> impl Iterator<Item = (&'static str, [&'static str; 2])> {
    TABLE.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (asked, answers) = line.split_once(" > ").unwrap();
        (asked, answers.split(';').collect::<Vec<_>>().try_into().unwrap())
    })
}

fn prepared(asked: &str, answers: [&str; 2]) -> Prepared {
    answers.map(|answer| match answer {
        "-" => None,
        "=" => Some(asked.to_owned()),
        code_points => Some(text(code_points)),
    })
}

/// Prosody gives an empty text for one; here that is none.
fn expected(prepared: &Prepared) -> Prepared {
    prepared.clone().map(|text| text.filter(|text| !text.is_empty()))
}

#[test]
fn every_character_is_prepared_as_prosody_prepares_it() {
    let mut table: HashMap<String, Prepared> = HashMap::new();
    for (asked, answers) in lines().filter(|(asked, _)| !asked.contains(' ')) {
        let (first, last) = asked.split_once("..").unwrap_or((asked, asked));
        for character in (code_point(first)..=code_point(last)).filter_map(char::from_u32) {
            table.insert(character.to_string(), prepared(&character.to_string(), answers));
        }
    }
    assert!(table.len() > 100_000, "private use alone has more");
    for character in '\u{1}'..=char::MAX {
        let text = character.to_string();
        let unchanged = [Some(text.clone()), Some(text.clone())];
        let known = table.get(&text).unwrap_or(&unchanged);
        assert_eq!([nodeprep(&text), nameprep(&text)], expected(known), "U+{:04X}", u32::from(character));
    }
}

#[test]
fn texts_are_prepared_as_prosody_prepares_them() {
    let texts: Vec<_> = lines().filter(|(asked, _)| asked.contains(' ')).collect();
    assert!(texts.len() > 1_000);
    for (asked, answers) in texts {
        let text = text(asked);
        assert_eq!([nodeprep(&text), nameprep(&text)], expected(&prepared(&text, answers)), "{asked}: {text}");
    }
}

/// Prosody prepares a name more than once on its way.
#[test]
fn what_is_prepared_stays_what_it_is() {
    for (asked, _) in lines().filter(|(asked, _)| !asked.contains("..")) {
        let text = text(asked);
        for prepare in [nodeprep, nameprep] {
            if let Some(prepared) = prepare(&text) {
                assert_eq!(prepare(&prepared), Some(prepared.clone()), "{asked}");
            }
        }
    }
}
