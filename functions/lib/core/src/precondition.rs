//! ETags, and the conditions that requests put on them (RFC 9110, section 13).

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// A strong entity tag: what two equal answers have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// The tag of a body.
    #[must_use]
    pub fn of(body: &str) -> Self {
        let digest = Sha256::digest(body.as_bytes());
        Self(format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&digest[..18])))
    }

    /// The tag with its quotation marks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The conditions of one request, empty where it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

/// Why an edit does not happen (412).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PreconditionFailed {
    /// Somebody was faster.
    #[error("it has changed since the ETag in If-Match was read: fetch it again, then repeat the edit")]
    Changed,
    /// It was to be created.
    #[error("it is there already, and If-None-Match says that it must not be")]
    Exists,
}

impl Preconditions {
    /// Takes the values of If-Match and If-None-Match.
    #[must_use]
    pub fn new(if_match: Option<&str>, if_none_match: Option<&str>) -> Self {
        Self { if_match: if_match.map(str::to_owned), if_none_match: if_none_match.map(str::to_owned) }
    }

    /// Whether whoever fetches has it already (304). Tags are compared weakly (RFC 9110, section 13.1.2): something on
    /// the way that compresses makes them weak.
    #[must_use]
    pub fn not_modified(&self, etag: &ETag) -> bool {
        self.if_none_match.as_deref().is_some_and(|tags| names(tags, etag, true))
    }

    /// Whether an edit may happen: `etag` gives the tag of what there is, `exists` tells whether what is to be edited is
    /// there. If-Match compares strongly (RFC 9110, section 13.1.1).
    ///
    /// # Errors
    /// See [`PreconditionFailed`].
    pub fn check_edit(&self, etag: impl Fn() -> ETag, exists: bool) -> Result<(), PreconditionFailed> {
        match self.if_match.as_deref().map(str::trim) {
            Some("*") if !exists => return Err(PreconditionFailed::Changed),
            Some("*") | None => {}
            Some(tags) if names(tags, &etag(), false) => {}
            Some(_) => return Err(PreconditionFailed::Changed),
        }
        match self.if_none_match.as_deref().map(str::trim) {
            Some("*") if exists => Err(PreconditionFailed::Exists),
            Some("*") | None => Ok(()),
            Some(tags) if names(tags, &etag(), true) => Err(PreconditionFailed::Exists),
            Some(_) => Ok(()),
        }
    }
}

/// Whether a list of tags has this one. No tag of ours has a comma in it.
fn names(tags: &str, etag: &ETag, weakly: bool) -> bool {
    tags.split(',').map(str::trim).any(|tag| {
        let tag = if weakly { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
        tag == "*" || tag == etag.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bodies_have_equal_tags() {
        assert_eq!(ETag::of("{}"), ETag::of("{}"));
        assert_ne!(ETag::of("{}"), ETag::of("{ }"));
        let tag = ETag::of("{}").to_string();
        assert!(tag.len() == 26 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    }

    #[test]
    fn conditions_are_kept_to() {
        use PreconditionFailed::{Changed, Exists};
        let own = ETag::of("{}");
        let list = format!("\"x\", {own}");
        let weak = format!("W/{own}");
        let (own, list, weak) = (own.as_str(), list.as_str(), weak.as_str());
        for (if_match, if_none_match, exists, expected) in [
            (None, None, true, Ok(())),
            (Some(own), None, true, Ok(())),
            (Some(list), None, true, Ok(())),
            (Some("\"x\""), None, true, Err(Changed)),
            (Some(weak), None, true, Err(Changed)),
            (Some("*"), None, true, Ok(())),
            (Some("*"), None, false, Err(Changed)),
            (Some(""), None, true, Err(Changed)),
            (None, Some("*"), true, Err(Exists)),
            (None, Some(" * "), false, Ok(())),
            (None, Some(own), true, Err(Exists)),
            (None, Some(weak), true, Err(Exists)),
            (None, Some("\"x\""), true, Ok(())),
            (Some(own), Some("*"), true, Err(Exists)),
        ] {
            let conditions = Preconditions::new(if_match, if_none_match);
            assert_eq!(conditions.check_edit(|| ETag::of("{}"), exists), expected, "{conditions:?} {exists}");
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let own = ETag::of("{}");
        for (if_none_match, known) in
            [(own.to_string(), true), (format!("\"x\",W/{own}"), true), ("*".into(), true), ("\"x\"".into(), false)]
        {
            assert_eq!(Preconditions::new(None, Some(&if_none_match)).not_modified(&own), known, "{if_none_match}");
        }
        assert!(!Preconditions::new(Some("*"), None).not_modified(&own));
    }
}
