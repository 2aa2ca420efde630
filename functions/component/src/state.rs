//! What `component` keeps while it is warm: no storage, as a slot is arithmetic.

use aws_credential_types::Credentials;
use satchel_aws::{
    bootstrap::StartError,
    clock::Clock,
    presign::{Presigner, environment_credentials},
};
use satchel_core::{
    config::{ComponentConfig, ConfigError},
    time::Timestamp,
};

/// Everything a request needs, built once per cold start.
#[derive(Debug, Clone)]
pub struct State {
    /// The configuration.
    pub config: ComponentConfig,
    /// Signs the PUTs.
    pub presigner: Presigner,
    /// The time.
    pub clock: Clock,
}

impl State {
    /// Adds the environment's credentials to what reading the configuration gave.
    ///
    /// # Errors
    /// Bad or missing variables; missing credentials.
    pub async fn load(config: Result<ComponentConfig, ConfigError>) -> Result<Self, StartError> {
        Ok(Self::new(config?, environment_credentials().await?, Clock::System))
    }

    /// Puts a state together from parts that come from elsewhere.
    #[must_use]
    pub fn new(config: ComponentConfig, credentials: Credentials, clock: Clock) -> Self {
        let presigner = Presigner::new(&config.s3, credentials);
        Self { config, presigner, clock }
    }

    /// The same, standing still at `now`.
    #[must_use]
    pub fn as_of(&self, now: Timestamp) -> Self {
        Self { clock: Clock::fixed(now), ..self.clone() }
    }
}
