//! Why a function cannot start.

use satchel_core::config::ConfigError;

use crate::sdk::SdkError;
#[cfg(feature = "secrets")]
use crate::secrets::store::SecretError;

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Variables are missing or malformed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// AWS's own settings.
    #[error(transparent)]
    Sdk(#[from] SdkError),
    /// Secrets that are kept elsewhere.
    #[cfg(feature = "secrets")]
    #[error(transparent)]
    Secret(#[from] SecretError),
}
