//! What text XML can hold.

/// Whether XML 1.0 can hold the character at all (section 2.2, `Char`).
#[must_use]
pub const fn is_xml_char(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
