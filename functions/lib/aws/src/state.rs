//! What a function that serves files keeps while it is warm.

use satchel_core::{
    config::{ConfigError, Configuration},
    time::Timestamp,
};

use crate::{
    bootstrap::StartError,
    clock::Clock,
    presign::Presigner,
    sdk::{SdkConfig, SdkError},
    storage::Storage,
};

/// Configuration and adapters, built once per cold start and borrowed by every request.
#[derive(Debug, Clone)]
pub struct State<C, S = Storage> {
    /// The function's own configuration.
    pub config: C,
    /// Where files are.
    pub store: S,
    /// Signs URLs of its bucket.
    pub presigner: Presigner,
    /// The time.
    pub clock: Clock,
}

impl<C: Configuration> State<C> {
    /// Puts a state together from what reading the configuration and AWS's settings gave.
    ///
    /// # Errors
    /// Bad or missing variables; missing credentials.
    pub fn load(config: Result<C, ConfigError>, sdk: Result<SdkConfig, SdkError>) -> Result<Self, StartError> {
        Ok(Self::new(config?, &sdk?, Clock::System))
    }

    /// Puts a state together from parts that come from elsewhere.
    #[must_use]
    pub fn new(config: C, sdk: &SdkConfig, clock: Clock) -> Self {
        let store = Storage::new(config.s3(), sdk).with_clock(clock.clone());
        let presigner = Presigner::of(&store, config.s3(), sdk);
        Self { config, store, presigner, clock }
    }
}

impl<C: Configuration, S> State<C, S> {
    /// Puts a state together on a store that is open already.
    #[must_use]
    pub fn on(store: S, config: C, sdk: &SdkConfig, clock: Clock) -> Self {
        let presigner = Presigner::new(config.s3(), sdk);
        Self { config, store, presigner, clock }
    }
}

impl<C, S> State<C, S> {
    /// The same with another configuration, such as other secrets.
    #[must_use]
    pub fn with_config(&self, config: C) -> Self
    where
        C: Clone,
        S: Clone,
    {
        Self { config, ..self.clone() }
    }

    /// The same, standing still at `now`.
    #[must_use]
    pub fn as_of(&self, now: Timestamp) -> Self
    where
        C: Clone,
        S: Clone,
    {
        Self { clock: Clock::fixed(now), ..self.clone() }
    }
}
