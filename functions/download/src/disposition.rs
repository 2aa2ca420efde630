//! How a browser is told to show a file: RFC 6266, with the name as RFC 8187 writes it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use satchel_core::{
    config::Environment,
    content_type::{ContentType, is_essence},
};

/// What browsers may show in the page's place: mod_http_file_share's own list.
pub const DEFAULT_SAFE_TYPES: &str = "image/*,video/*,audio/*,text/plain";

const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The types that are served inline; all others are attachments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeTypes(Vec<Safe>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Safe {
    /// `type/*`, up to the slash.
    Kind(String),
    Type(String),
}

/// An entry that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SafeTypesError {
    /// It is neither `type/subtype` nor `type/*`.
    #[error(
        "'{0}' is neither type/subtype nor type/*; write for example image/* or application/pdf, and none for none"
    )]
    Form(String),
    /// It is never safe.
    #[error("'{0}' cannot be shown inline, as files of that type run scripts; leave it out")]
    RunsScripts(String),
}

impl SafeTypes {
    /// Reads `SATCHEL_SAFE_TYPES`.
    pub fn read(environment: &mut Environment<'_>) -> Option<Self> {
        const NAME: &str = "SATCHEL_SAFE_TYPES";
        let list = environment.text(NAME).unwrap_or_else(|| DEFAULT_SAFE_TYPES.to_owned());
        Self::parse(&list).map_err(|error| environment.complain(NAME, error.to_string())).ok()
    }

    /// Reads types separated by commas or white space, each `type/subtype` or `type/*`; `none` for none.
    ///
    /// # Errors
    /// The first entry that is neither, or a type in which scripts run.
    pub fn parse(list: &str) -> Result<Self, SafeTypesError> {
        if list.trim() == "none" {
            return Ok(Self(Vec::new()));
        }
        let entries = list.split(|separator: char| separator == ',' || separator.is_whitespace());
        entries.filter(|entry| !entry.is_empty()).map(Safe::parse).collect::<Result<_, _>>().map(Self)
    }

    fn contains(&self, essence: &str) -> bool {
        self.0.iter().any(|safe| match safe {
            Safe::Kind(kind) => essence.starts_with(kind),
            Safe::Type(safe) => essence == safe,
        })
    }

    /// The Content-Disposition of a file.
    #[must_use]
    pub fn disposition(&self, content_type: &ContentType, file_name: &str) -> String {
        let essence = content_type.essence();
        let inline = !runs_scripts(&essence) && self.contains(&essence);
        let kind = if inline { "inline" } else { "attachment" };
        format!("{kind}; filename*=UTF-8''{}", utf8_percent_encode(file_name, NOT_ATTR_CHAR))
    }
}

impl Safe {
    fn parse(entry: &str) -> Result<Self, SafeTypesError> {
        let lower = entry.to_ascii_lowercase();
        let kind = lower.strip_suffix("/*").filter(|kind| is_essence(&format!("{kind}/x")));
        match kind {
            Some(kind) => Ok(Self::Kind(format!("{kind}/"))),
            None if !is_essence(&lower) => Err(SafeTypesError::Form(entry.to_owned())),
            None if runs_scripts(&lower) => Err(SafeTypesError::RunsScripts(entry.to_owned())),
            None => Ok(Self::Type(lower)),
        }
    }
}

/// Whether a browser that is shown a file of this type runs what is in it, or may hand it on as such: HTML; XML, which
/// can be XHTML or SVG by its namespaces alone, whatever it is called; scripts; several parts in one. Never safe,
/// whatever the list says.
fn runs_scripts(essence: &str) -> bool {
    let (kind, subtype) = essence.split_once('/').unwrap_or((essence, ""));
    let runs = |word: &str| {
        ["html", "xhtml", "xml", "xsl", "xslt"].contains(&word)
            || ["javascript", "ecmascript", "jscript", "livescript"].iter().any(|script| word.starts_with(script))
    };
    subtype.split(['+', '-', '.']).any(runs) || ["multipart", "message"].contains(&kind)
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
    }

    #[test]
    fn what_runs_scripts_is_never_shown_inline() {
        let all = SafeTypes::parse("text/*, application/*, image/*, multipart/*, message/*, *-x/*").unwrap_err();
        assert_eq!(all, SafeTypesError::Form("*-x/*".into()));
        let all = SafeTypes::parse("text/*, application/*, image/*, multipart/*, message/*").unwrap();
        for (content_type, kind) in [
            ("text/html", "attachment"),
            ("TEXT/HTML; charset=utf-8", "attachment"),
            ("application/xhtml+xml", "attachment"),
            ("application/vnd.wap.xhtml+xml", "attachment"),
            ("image/svg+xml", "attachment"),
            ("application/anything+xml", "attachment"),
            ("text/xml", "attachment"),
            ("application/xml", "attachment"),
            ("text/xsl", "attachment"),
            ("text/javascript", "attachment"),
            ("application/x-javascript", "attachment"),
            ("multipart/x-mixed-replace; boundary=a", "attachment"),
            ("message/rfc822", "attachment"),
            ("*/*", "inline"),
            ("text/plain", "inline"),
            ("text/vcard", "inline"),
            ("application/pdf", "inline"),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "inline"),
            ("image/webp", "inline"),
        ] {
            let parsed = ContentType::parse(content_type).unwrap();
            // What says nothing is an octet stream, which is one of application/* here.
            assert!(content_type != "*/*" || parsed == ContentType::default());
            let disposition = all.disposition(&parsed, "a");
            assert_eq!(disposition, format!("{kind}; filename*=UTF-8''a"), "{content_type}");
        }
    }

    #[test]
    fn a_file_name_cannot_leave_its_parameter() {
        let safe = SafeTypes::parse("none").unwrap();
        let disposition = safe.disposition(&ContentType::parse("").unwrap(), "très \"cool\";x='%.jpg");
        assert_eq!(disposition, "attachment; filename*=UTF-8''tr%C3%A8s%20%22cool%22%3Bx%3D%27%25.jpg");
    }

    #[test]
    fn a_list_with_something_else_in_it_is_refused() {
        for form in [
            "png",
            "*/*",
            "*",
            "*/png",
            "text/html*",
            "image/p*",
            "image/**",
            "image/",
            "/png",
            "image/*/x",
            "im age/*x",
            "image/png;q=1",
            "\"image/*\"",
            "unknown/unknown",
            "image/pn\u{e9}",
        ] {
            let refused = SafeTypes::parse(&format!("image/*,{form}"));
            assert!(matches!(refused, Err(SafeTypesError::Form(_))), "{form}: {refused:?}");
        }
        for scripts in ["text/html", "Image/SVG+xml", "application/xml", "text/javascript"] {
            let refused = SafeTypes::parse(&format!("image/* {scripts}"));
            assert_eq!(refused, Err(SafeTypesError::RunsScripts(scripts.into())));
        }
        assert!(SafeTypes::parse("image/png\n\taudio/*, text/*").is_ok());
    }
}
