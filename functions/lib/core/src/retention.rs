//! How long files are kept that name no expiry of their own.

use crate::{config::environment::Environment, purpose::Purpose};

/// Seconds after which files go; `None` keeps them. [`Purpose::Permanent`] is always kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Attachments.
    pub message: Option<u64>,
    /// Avatars and the like.
    pub profile: Option<u64>,
    /// What names its own expiry, at the most.
    pub ephemeral: Option<u64>,
}

impl Retention {
    /// Reads `SATCHEL_RETENTION_DAYS`, `SATCHEL_PROFILE_RETENTION_DAYS` and `SATCHEL_EPHEMERAL_RETENTION_DAYS`.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self {
            message: environment.days("SATCHEL_RETENTION_DAYS"),
            profile: environment.days("SATCHEL_PROFILE_RETENTION_DAYS"),
            ephemeral: environment.days("SATCHEL_EPHEMERAL_RETENTION_DAYS"),
        }
    }

    /// The seconds for one purpose.
    #[must_use]
    pub const fn of(&self, purpose: Purpose) -> Option<u64> {
        match purpose {
            Purpose::Message => self.message,
            Purpose::Profile => self.profile,
            Purpose::Ephemeral => self.ephemeral,
            Purpose::Permanent => None,
        }
    }
}
