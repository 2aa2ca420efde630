//! What a function that serves files keeps while it is warm.

use satchel_core::config::{ConfigError, S3Config};

use crate::{
    bootstrap::StartError,
    clock::Clock,
    presign::{Presigner, environment_credentials},
    storage::Storage,
};

/// A function's configuration, as far as every one of them has it.
pub trait Configuration: Sized {
    /// Reads it from the environment.
    ///
    /// # Errors
    /// All bad or missing variables at once.
    fn parse(environment: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError>;

    /// Where files are.
    fn s3(&self) -> &S3Config;
}

/// Configuration and adapters, built once per cold start and borrowed by every request.
#[derive(Debug)]
pub struct State<C> {
    /// The function's own configuration.
    pub config: C,
    /// The bucket.
    pub storage: Storage,
    /// Signs URLs for it.
    pub presigner: Presigner,
    /// The time.
    pub clock: Clock,
}

impl<C: Configuration> State<C> {
    /// Reads configuration and credentials.
    ///
    /// # Errors
    /// Bad or missing variables; missing credentials.
    pub async fn load(environment: impl Fn(&str) -> Option<String>) -> Result<Self, StartError> {
        let config = C::parse(environment)?;
        Ok(Self::new(config, environment_credentials().await?, Clock::System))
    }

    /// Puts a state together from parts that come from elsewhere.
    #[must_use]
    pub fn new(config: C, credentials: aws_credential_types::Credentials, clock: Clock) -> Self {
        let storage = Storage::new(config.s3(), credentials.clone());
        let presigner = Presigner::new(config.s3(), credentials);
        Self { config, storage, presigner, clock }
    }
}

impl Configuration for satchel_core::config::UploadConfig {
    fn parse(environment: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Self::parse(environment)
    }

    fn s3(&self) -> &S3Config {
        &self.s3
    }
}

impl Configuration for satchel_core::config::DownloadConfig {
    fn parse(environment: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Self::parse(environment)
    }

    fn s3(&self) -> &S3Config {
        &self.s3
    }
}
