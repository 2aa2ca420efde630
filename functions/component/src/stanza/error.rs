//! Stanza errors (RFC 6120, section 8.3).

use crate::stanza::markup::Markup;

const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// The error types in use here: what the sender can do about it (RFC 6120, section 8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorType {
    /// Ask as somebody else.
    Auth,
    /// Do not ask again.
    Cancel,
    /// Ask differently.
    Modify,
    /// Ask later.
    Wait,
}

impl ErrorType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Cancel => "cancel",
            Self::Modify => "modify",
            Self::Wait => "wait",
        }
    }
}

/// A stanza error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StanzaError {
    /// What the sender can do.
    pub kind: ErrorType,
    /// One of the defined conditions (RFC 6120, section 8.3.3).
    pub condition: &'static str,
    /// For people.
    pub text: String,
    /// An application's own condition.
    pub detail: Option<Markup>,
}

impl StanzaError {
    /// An error without a condition of its own.
    #[must_use]
    pub fn new(kind: ErrorType, condition: &'static str, text: impl Into<String>) -> Self {
        Self { kind, condition, text: text.into(), detail: None }
    }

    /// The `<error/>` element.
    #[must_use]
    pub fn to_markup(&self) -> Markup {
        let text = Markup::qualified("text", STANZAS).with("xml:lang", "en").text(self.text.as_str());
        Markup::new("error")
            .with("type", self.kind.as_str())
            .child(Markup::qualified(self.condition, STANZAS))
            .child(text)
            .children(self.detail.clone())
    }
}
