//! Names as XMPP servers prepare them before they compare them: nodeprep and nameprep (RFC 3920, appendix A; RFC 3491), not
//! PRECIS, which maps other characters and refuses others. Prosody and ejabberd know no other names.
//!
//! The tables are those of `stringprep`. Its own profiles refuse what Unicode 3.2 had not assigned; servers let it pass as it
//! is at a login (a query, in the words of RFC 3454, section 7), so that steps are put together here.

use stringprep::tables;
use unicode_normalization::UnicodeNormalization;

/// Bytes of a part, before and after (RFC 6122, section 2.1).
const MAX_PART_BYTES: usize = 1_023;

/// A localpart as servers compare it; `None` where they take it for none.
#[must_use]
pub fn nodeprep(text: &str) -> Option<String> {
    prepared(text, |character| is_prohibited_in_nodes(character) || is_prohibited(character))
}

/// A domain as servers compare it; `None` where they take it for none.
#[must_use]
pub fn nameprep(text: &str) -> Option<String> {
    prepared(text, is_prohibited)
}

fn prepared(text: &str, prohibited: impl Fn(char) -> bool) -> Option<String> {
    let mapped = text.chars().filter(|&character| !tables::commonly_mapped_to_nothing(character));
    let normalized = normalized(&mapped.flat_map(tables::case_fold_for_nfkc).collect::<Vec<_>>());
    let lengths = [text.len(), normalized.len()];
    let fits = !normalized.is_empty() && lengths.into_iter().all(|length| length <= MAX_PART_BYTES);
    (fits && !normalized.contains(prohibited) && is_in_order(&normalized)).then_some(normalized)
}

/// NFKC of Unicode 3.2: what came later is left as it is, and nothing is put together across it.
fn normalized(mapped: &[char]) -> String {
    let mut normalized = String::new();
    for run in mapped.chunk_by(|&one, &next| is_later(one) == is_later(next)) {
        if run.first().is_some_and(|&first| is_later(first)) {
            normalized.extend(run);
        } else {
            normalized.extend(run.iter().map(|&character| uncorrected(character)).nfkc());
        }
    }
    normalized
}

fn is_later(character: char) -> bool {
    tables::unassigned_code_point(character)
}

/// What Unicode 3.2 took these ideographs for; later versions correct that (Corrigendum #4), stringprep does not.
const fn uncorrected(character: char) -> char {
    match character {
        '\u{2f868}' => '\u{2136a}',
        '\u{2f874}' => '\u{5f33}',
        '\u{2f91f}' => '\u{43ab}',
        '\u{2f95f}' => '\u{7aae}',
        '\u{2f9bf}' => '\u{4d57}',
        other => other,
    }
}

/// RFC 3920, appendix A.5.
fn is_prohibited_in_nodes(character: char) -> bool {
    character.is_ascii_control() || " \"&'/:<>@".contains(character)
}

/// RFC 3491, section 5.
fn is_prohibited(character: char) -> bool {
    !character.is_ascii()
        && (tables::non_ascii_space_character(character)
            || tables::non_ascii_control_character(character)
            || tables::private_use(character)
            || tables::non_character_code_point(character)
            || tables::inappropriate_for_plain_text(character)
            || tables::inappropriate_for_canonical_representation(character)
            || tables::change_display_properties_or_deprecated(character)
            || tables::tagging_character(character))
}

/// RFC 3454, section 6: what is written from right to left begins and ends so, and has nothing of the other direction in it.
fn is_in_order(text: &str) -> bool {
    let from_the_right = tables::bidi_r_or_al;
    let one_way = !text.contains(tables::bidi_l) && text.starts_with(from_the_right) && text.ends_with(from_the_right);
    one_way || !text.contains(from_the_right)
}
