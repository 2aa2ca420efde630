//! What a stanza is answered with.

/// A whole stanza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its XML.
    pub stanza: String,
    /// What it says, for the log: stable.
    pub code: &'static str,
}
