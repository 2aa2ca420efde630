//! How a browser is told to show a file: RFC 6266, with the name as RFC 8187 writes it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::content_type::ContentType;

/// What browsers may show in the page's place: mod_http_file_share's own list.
pub const DEFAULT_SAFE_TYPES: &str = "image/*,video/*,audio/*,text/plain";

/// Scripts run in an SVG that is shown inline, so it is never safe, whatever the list says.
const NEVER_INLINE: &str = "image/svg+xml";

const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The types that are served inline; all others are attachments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeTypes(Vec<String>);

/// An entry that is neither `type/subtype` nor `type/*`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither type/subtype nor type/*")]
pub struct SafeTypesError(String);

impl SafeTypes {
    /// Reads types separated by commas or white space, each `type/subtype` or `type/*`; `none` for none.
    ///
    /// # Errors
    /// The first entry that is neither.
    pub fn parse(list: &str) -> Result<Self, SafeTypesError> {
        if list.trim() == "none" {
            return Ok(Self(Vec::new()));
        }
        let entries = list.split(|separator: char| separator == ',' || separator.is_whitespace());
        let types = entries.filter(|entry| !entry.is_empty()).map(|entry| match entry.split_once('/') {
            Some((kind, subtype)) if !kind.is_empty() && !subtype.is_empty() && !subtype.contains('/') => {
                Ok(entry.to_ascii_lowercase())
            }
            _ => Err(SafeTypesError(entry.to_owned())),
        });
        types.collect::<Result<_, _>>().map(Self)
    }

    fn contains(&self, essence: &str) -> bool {
        self.0.iter().any(|safe| match safe.strip_suffix('*') {
            Some(kind) => essence.starts_with(kind),
            None => essence == safe,
        })
    }

    /// The Content-Disposition of a file.
    #[must_use]
    pub fn disposition(&self, content_type: &ContentType, file_name: &str) -> String {
        let essence = content_type.essence();
        let inline = essence != NEVER_INLINE && self.contains(&essence);
        let kind = if inline { "inline" } else { "attachment" };
        format!("{kind}; filename*=UTF-8''{}", utf8_percent_encode(file_name, NOT_ATTR_CHAR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_types_are_shown_inline() {
        let safe = SafeTypes::parse(DEFAULT_SAFE_TYPES).unwrap();
        for (content_type, kind) in [
            ("image/png", "inline"),
            ("IMAGE/PNG", "inline"),
            ("video/mp4; codecs=x", "inline"),
            ("text/plain; charset=utf-8", "inline"),
            ("image/svg+xml", "attachment"),
            ("Image/SVG+xml ; x=y", "attachment"),
            ("text/html", "attachment"),
            ("text/plainer", "attachment"),
            ("imagery/png", "attachment"),
            ("", "attachment"),
        ] {
            let disposition = safe.disposition(&ContentType::parse(content_type).unwrap(), "a");
            assert_eq!(disposition, format!("{kind}; filename*=UTF-8''a"), "{content_type}");
        }
        assert!(
            SafeTypes::parse("*/*")
                .unwrap()
                .disposition(&ContentType::parse("image/svg+xml").unwrap(), "a")
                .starts_with("attachment")
        );
    }

    #[test]
    fn a_file_name_cannot_leave_its_parameter() {
        let safe = SafeTypes::parse("none").unwrap();
        let disposition = safe.disposition(&ContentType::parse("").unwrap(), "très \"cool\";x='%.jpg");
        assert_eq!(disposition, "attachment; filename*=UTF-8''tr%C3%A8s%20%22cool%22%3Bx%3D%27%25.jpg");
    }

    #[test]
    fn a_list_with_something_else_in_it_is_refused() {
        assert_eq!(SafeTypes::parse("image/*, png"), Err(SafeTypesError("png".into())));
        assert!(SafeTypes::parse("image/png\n\taudio/*").is_ok());
    }
}
