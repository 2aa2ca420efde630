//! Whether an S3 does as the conditions of writes say. AWS does; some stores ignore them or refuse requests that have
//! one, and tell nobody.

use std::sync::{Arc, OnceLock};

/// What is known of it.
#[derive(Debug, Clone)]
pub(super) struct Conditions(Arc<OnceLock<bool>>);

/// As AWS does.
impl Default for Conditions {
    fn default() -> Self {
        Self(Arc::new(OnceLock::from(true)))
    }
}

impl Conditions {
    /// Nothing is taken for granted.
    pub(super) fn unknown() -> Self {
        Self(Arc::default())
    }

    /// Whether a write need not be preceded by a look.
    pub(super) fn hold(&self) -> bool {
        self.0.get() == Some(&true)
    }

    /// What `If-None-Match` says of a write that must not overwrite anything: nothing where that is of no use, and may
    /// be refused.
    pub(super) fn absent(&self) -> Option<String> {
        (self.0.get() != Some(&false)).then(|| "*".to_owned())
    }

    /// Takes note of what was found, and gives what is known: the first finding counts.
    pub(super) fn learn(&self, hold: bool) -> bool {
        *self.0.get_or_init(|| hold)
    }
}
